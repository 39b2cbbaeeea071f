"""The pages of two-way: what it means before it is on, what waits and was refused afterwards, and off again."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.utils import timezone

from finance.models import Party
from integrations import hub
from integrations.sync.models import RecordLink, ResourceState, SyncRun
from integrations.sync.push.models import OutboundWrite

from .staging import make_connection, make_person, make_run, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.services]


@pytest.fixture
def till(sydney):
    """A connection with a customer whose name was changed here, and one that is only here."""
    found = make_connection(sydney)
    with hub.enter(sydney):
        party = Party.objects.create(name="Ada King", email="ada@example.com")
        Party.objects.create(name="Only here")
        now = timezone.now()
        RecordLink.objects.create(
            connection=found, resource="customers", external_id="cus_1", target="finance.party", record_id=party.pk,
            base={"name": "Ada Lovelace", "email": "ada@example.com"}, first_seen=now, last_changed=now,
        )  # fmt: skip
    return found


def at(connection, page: str = "") -> str:
    return f"/marketplace/connections/{connection.pk}/sending/{page}"


def text(answer) -> str:
    return answer.content.decode()


def sends(sydney, till, **more) -> None:
    with hub.enter(sydney):
        ResourceState.objects.create(connection=till, resource="customers", sends=True, **more)


def write(sydney, till, **more) -> OutboundWrite:
    values = {"resource": "customers", "record_id": uuid4(), "external_id": "cus_9", "op": "update", "state": "refused"}
    with hub.enter(sydney):
        return OutboundWrite.objects.create(connection=till, **(values | more))


def test_the_connection_page_leads_to_what_is_sent(admin, till):
    assert f'href="{at(till)}"' in text(admin.get(f"/marketplace/connections/{till.pk}/"))
    page = text(admin.get(at(till)))
    assert "Customers" in page
    assert "only read" in page
    assert "Payouts" not in page


def test_a_provider_that_is_only_read_says_so(sydney, admin):
    birds = make_connection(sydney, "birdpost", "Birds")
    assert "Nothing can be sent" in text(admin.get(at(birds)))
    assert admin.get(at(birds, "members/")).status_code == 404


def test_before_it_is_on_the_page_says_what_would_change(admin, till):
    page = text(admin.get(at(till, "customers/")))
    assert "“Ada Lovelace” becomes “Ada King”" in page
    assert "Only here</dt><dd>1</dd>" in page
    assert "Nothing is ever deleted or voided there" in page


def test_nothing_is_switched_on_without_the_tick(sydney, admin, asked, till):
    answer = admin.post(at(till, "customers/"), {"creates": "on"}, follow=True)
    assert "Nothing was switched on" in text(answer)
    with hub.enter(sydney):
        assert not ResourceState.objects.filter(sends=True).exists()


def test_switched_on_it_sends_and_a_run_begins(sydney, admin, asked, till):
    answer = admin.post(at(till, "customers/"), {"creates": "on", "confirm": "on"})
    with hub.enter(sydney):
        state, run = ResourceState.objects.get(), SyncRun.objects.get()
    assert (state.sends, state.creates, state.comparing) == (True, True, True)
    assert answer["Location"] == f"/marketplace/runs/{run.pk}/"
    assert "sent, and created there" in text(admin.get(at(till)))


def test_what_was_refused_is_shown_with_the_reason_and_tried_again_by_one_press(sydney, admin, asked, till):
    sends(sydney, till)
    one = write(sydney, till, answer="Tillstream said: “taken”", body='{"name": "canary"}')
    other = write(sydney, till, external_id="cus_8")
    page = text(admin.get(at(till, "customers/")))
    assert "Tillstream said: “taken”" in page
    assert "canary" not in page
    answer = admin.post(at(till, "customers/retry/"), {"write": one.pk}, follow=True)
    assert "1 record will be sent again now." in text(answer)
    with hub.enter(sydney):
        assert OutboundWrite.objects.get(pk=one.pk).state == "ready"
        assert OutboundWrite.objects.get(pk=other.pk).state == "refused"
    assert "There was nothing to send again." in text(
        admin.post(at(till, "customers/retry/"), {"write": "no id"}, follow=True)
    )


def test_everything_sent_is_a_page_too(sydney, admin, till):
    sends(sydney, till)
    assert "Everything is sent" in text(admin.get(at(till, "customers/")))


def test_switching_off_asks_first_and_forgets_what_waits(sydney, admin, till):
    sends(sydney, till)
    write(sydney, till)
    assert "1 that were refused are forgotten" in text(admin.get(at(till, "customers/off/")))
    admin.post(at(till, "customers/off/"))
    with hub.enter(sydney):
        assert not ResourceState.objects.get().sends
        assert not OutboundWrite.objects.exists()


def test_who_may_only_look_is_offered_nothing_to_press(sydney, till):
    auditor = sign_in(sydney, make_person(sydney, "Auditor"))
    assert "<button" not in text(auditor.get(at(till, "customers/"))).split("<main", 1)[1]
    sends(sydney, till)
    write(sydney, till)
    assert "Try again" not in text(auditor.get(at(till, "customers/")))


def test_a_run_says_what_it_sent_and_a_planned_one_that_nothing_was_sent(sydney, admin, till):
    sends(sydney, till)
    run = make_run(sydney, till, state="partial", sent=12, refused=1)
    page = text(admin.get(f"/marketplace/runs/{run.pk}/"))
    assert "<dt>Sent</dt><dd>12</dd>" in page
    assert f'href="{at(till, "customers/")}"' in page
    planned = make_run(sydney, till, state="planned", send_plan="200 changed")
    assert "Nothing has been sent yet." in text(admin.get(f"/marketplace/runs/{planned.pk}/"))


def test_the_pages_ask_as_often_for_many_writes_as_for_few(sydney, admin, till, django_assert_max_num_queries):
    sends(sydney, till)
    for number in range(60):
        write(sydney, till, external_id=f"cus_{number}")
    with django_assert_max_num_queries(30):
        assert "Page 1 of 2" in text(admin.get(at(till, "customers/")))
    with django_assert_max_num_queries(25):
        admin.get(at(till))
