"""What a vendor delivers, on its pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations import hub
from integrations.hub.models import AccountRoute, Job
from integrations.inbound import addresses
from integrations.inbound.models import InboundEvent

from .staging import make_connection, make_person, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.services]


@pytest.fixture
def till(sydney, melbourne):
    other = make_connection(melbourne, name="Melbourne till")
    with hub.enter(melbourne):
        addresses.prepare(other)
        told(other, 2, topic="of.melbourne")
    made = make_connection(sydney)
    with hub.enter(sydney):
        addresses.prepare(made)
    return made


def told(connection, number, **more):
    now = timezone.now()
    row = {"topic": "customer.updated", "resource": "customers", "received_at": now, "next_try_at": now} | more
    return [
        InboundEvent.objects.create(
            connection=connection,
            key=f"evt_{n}_{row['topic']}",
            record=f"cus_{n}",
            payload='{"born": "1.2.1970"}',
            **row,
        )
        for n in range(number)
    ]


def at(connection, page="") -> str:
    return f"/marketplace/connections/{connection.pk}/webhooks/{page}"


def text(answer) -> str:
    return answer.content.decode()


def test_what_came_is_listed_without_what_it_said(sydney, admin, till):
    with hub.enter(sydney):
        told(till, 3, state="done", note="Fetched and taken over.")
        told(till, 1, state="failed", note="It is not there.", topic="charge.failed")
    page = text(admin.get(at(till)))
    assert page.count("customer.updated") == 3
    assert "It is not there." in page
    assert "of.melbourne" not in page
    assert "1.2.1970" not in page
    assert text(admin.get(at(till) + "?state=failed")).count("customer.updated") == 0


def test_an_empty_list_says_so(admin, till):
    assert "Nothing has come yet" in text(admin.get(at(till)))


def test_the_address_waits_for_the_secret_and_then_is_ready(sydney, admin, till):
    page = text(admin.get(at(till)))
    assert "/api/v1/webhooks/" in page
    assert "Waits for the secret" in page
    answer = admin.post(at(till, "secret/"), {"secret": "whsec_9f2c51e0b7d84f1e"}, follow=True)
    assert "are taken from now on" in text(answer)
    assert "Ready" in text(answer)
    assert "whsec_9f2c51e0b7d84f1e" not in text(answer)
    assert "whsec" in AccountRoute.objects.get(connection_id=till.pk).webhook_secrets.reveal()


def test_a_secret_that_is_none_is_asked_for_again(admin, till):
    answer = admin.post(at(till, "secret/"), {"secret": "short"})
    assert answer.status_code == 422
    assert 'role="alert"' in text(answer)


def test_one_is_shown_and_done_again(sydney, admin, till):
    with hub.enter(sydney):
        (event,) = told(till, 1, state="failed", note="A fault of its own.")
    page = text(admin.get(at(till, f"{event.pk}/")))
    assert "A fault of its own." in page
    assert "1.2.1970" in page
    answer = admin.post(at(till, "again/"), {"event": str(event.pk)}, follow=True)
    assert "1 event will be acted on again now" in text(answer)
    with hub.enter(sydney):
        assert InboundEvent.objects.get().state == "waiting"
    assert Job.objects.get(kind="inbound.drain").key == str(till.pk)


def test_those_that_failed_and_those_since(sydney, admin, till):
    with hub.enter(sydney):
        told(till, 2, state="failed")
        told(till, 2, state="done", topic="charge.failed", received_at=timezone.now() - timedelta(days=2))
        told(till, 1, state="ignored", topic="weather", resource="")
    assert "Do 2 failed events again" in text(admin.get(at(till)))
    assert "2 events will be" in text(admin.post(at(till, "again/"), {}, follow=True))
    since = (timezone.now() - timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")
    assert "2 events will be" in text(admin.post(at(till, "again/"), {"since": since}, follow=True))
    assert "nothing to do again" in text(admin.post(at(till, "again/"), {}, follow=True))
    assert "does not name" in text(admin.post(at(till, "again/"), {"since": "yesterday"}, follow=True))


def test_who_may_only_look_may_not_do_it_again_nor_see_the_address(sydney, till):
    person = make_person(sydney, "Auditor")
    with hub.enter(sydney):
        (event,) = told(till, 1, state="failed")
    auditor = sign_in(sydney, person)
    page = text(auditor.get(at(till)))
    assert "customer.updated" in page
    assert "/api/v1/webhooks/" not in page
    assert auditor.post(at(till, "again/"), {"event": str(event.pk)}).status_code == 403
    assert auditor.post(at(till, "secret/"), {"secret": "whsec_9f2c51e0b7d84f1e"}).status_code == 403


def test_what_can_no_longer_be_opened_says_so(sydney, admin, till):
    with hub.enter(sydney):
        one, other = told(till, 2)
        with database.cursor() as cursor:  # sealed for another row
            cursor.execute(
                "UPDATE integrations_inboundevent e SET payload = o.payload FROM integrations_inboundevent o"
                " WHERE e.id = %s AND o.id = %s",
                [one.pk, other.pk],
            )
    assert "It can no longer be opened" in text(admin.get(at(till, f"{one.pk}/")))


def test_another_chapters_event_is_not_there(sydney, melbourne, admin, till):
    with hub.enter(melbourne):
        theirs = InboundEvent.objects.first()
    assert admin.get(at(till, f"{theirs.pk}/")).status_code == 404


def test_a_page_asks_the_same_few_things_however_many_there_are(sydney, admin, till):
    def asked() -> int:
        with CaptureQueriesContext(database) as queries:
            assert admin.get(at(till)).status_code == 200
        return len(queries)

    with hub.enter(sydney):
        told(till, 1, state="done")
    admin.get(at(till))
    few = asked()
    with hub.enter(sydney):
        told(till, 60, state="done", topic="charge.failed")
    assert asked() == few <= 25
