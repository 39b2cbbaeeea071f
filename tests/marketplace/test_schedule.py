"""When things are read, beginning anew, and what no longer arrives: on their pages."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations import hub
from integrations.hub.models import Due
from integrations.sync.models import ResourceState, SyncRun

from .staging import make_connection, make_history, make_person, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.services]
ALARM = {"path": "email", "problem": "missing", "was": "84%", "now": 120, "since": "2026-02-01T02:45:00+00:00"}


@pytest.fixture
def till(sydney):
    return make_connection(sydney)


def at(connection, page="") -> str:
    return f"/marketplace/connections/{connection.pk}/{page}"


def text(answer) -> str:
    return answer.content.decode()


def sent(admin, till, **changes):
    """What the form holds, with changes (`customers_every=2`)."""
    form = admin.get(at(till, "schedule/")).context["form"]
    found = {name: form[name].initial for name in form.fields if form[name].initial is not False}
    for name, value in changes.items():
        field = name.replace("_", "-")
        found.pop(field, None)
        if value is not None:
            found[field] = value
    return found


def test_every_kind_of_record_has_its_interval_in_words(sydney, admin, till):
    page = text(admin.get(at(till, "schedule/")))
    assert "How often Customers is read" in page
    assert "every" in page


def test_an_interval_is_chosen_and_said_on_the_connections_page(sydney, admin, till):
    data = sent(admin, till, customers_every=2, customers_unit="hours")
    assert "Schedule saved." in text(admin.post(at(till, "schedule/"), data, follow=True))
    assert Due.objects.get(connection_id=till.pk, resource="customers").every == timedelta(hours=2)
    with hub.enter(sydney):
        assert ResourceState.objects.get(resource="customers").every == timedelta(hours=2)
    assert "every 2 hours, next at " in text(admin.get(at(till)))


def test_what_is_as_usual_is_not_kept_as_a_choice(sydney, admin, till):
    admin.post(at(till, "schedule/"), sent(admin, till))
    with hub.enter(sydney):
        assert not ResourceState.objects.exclude(every=None).exists()


def test_a_resource_is_switched_off(sydney, admin, till):
    admin.post(at(till, "schedule/"), sent(admin, till, customers_on=None))
    with hub.enter(sydney):
        assert not ResourceState.objects.get(resource="customers").enabled
    assert not Due.objects.filter(connection_id=till.pk, resource="customers").exists()
    assert "switched off" in text(admin.get(at(till)))


def test_what_is_not_allowed_is_refused_beside_its_field_and_nothing_is_saved(sydney, admin, till):
    data = sent(admin, till, customers_every=30, customers_unit="days", payouts_every=3, payouts_unit="hours")
    answer = admin.post(at(till, "schedule/"), data)
    assert answer.status_code == 422
    assert "Between" in text(answer)
    assert "and 7 days." in text(answer)
    with hub.enter(sydney):
        assert not ResourceState.objects.exclude(every=None).exists()


def test_an_auditor_changes_no_schedule(sydney, till):
    auditor = sign_in(sydney, make_person(sydney, "Auditor"))
    assert auditor.get(at(till, "schedule/")).status_code == 403
    assert auditor.post(at(till, "reset/customers/"), {"mode": "cursor"}).status_code == 403


def test_beginning_anew_asks_which_of_two_and_says_what_stays(sydney, admin, till):
    make_history(sydney, till)
    page = text(admin.get(at(till, "reset/customers/")))
    assert "The 20 records that are linked stay linked" in page
    assert admin.post(at(till, "reset/customers/")).status_code == 422
    assert admin.get(at(till, "reset/shoes/")).status_code == 404
    with hub.enter(sydney):
        ResourceState.objects.update(cursor="2026-01-01T00:00:00+00:00")
    done = admin.post(at(till, "reset/customers/"), {"mode": "cursor"}, follow=True)
    assert "The next sync reads all customers again." in text(done)
    with hub.enter(sydney):
        assert ResourceState.objects.get(resource="customers").cursor == ""
    answer = admin.post(at(till, "reset/customers/"), {"mode": "compare"})
    with hub.enter(sydney):
        run = SyncRun.objects.get(state="queued")
    assert answer["Location"] == f"/marketplace/runs/{run.pk}/"
    assert run.full


def test_a_cut_connection_compares_nothing(sydney, admin, till):
    with hub.enter(sydney):
        type(till).objects.update(status="disconnected")
    answer = admin.post(at(till, "reset/customers/"), {"mode": "compare"})
    assert answer.status_code == 422
    assert "is not connected" in text(answer)


def test_an_alarm_says_what_happened_and_what_to_do_until_it_is_dismissed(sydney, melbourne, admin, till):
    make_history(sydney, till)
    other = make_connection(melbourne)
    for chapter, connection in ((sydney, till), (melbourne, other)):
        with hub.enter(chapter):
            state, _ = ResourceState.objects.get_or_create(connection=connection, resource="customers")
            state.drift = [ALARM]
            state.save()
    page = text(admin.get(at(till)))
    assert "Tillstream no longer sends email: it came in 84% of records before, and in none of the last 120." in page
    assert "Look at Tillstream whether the field was renamed" in page
    assert "Something no longer arrives" in page
    done = admin.post(at(till, "drift/customers/"), {"path": "email"}, follow=True)
    assert "email is no longer expected" in text(done)
    assert "no longer sends" not in text(done)
    assert "no such alarm" in text(admin.post(at(till, "drift/customers/"), {"path": "email"}, follow=True))
    with hub.enter(melbourne):
        assert ResourceState.objects.get().drift == [ALARM]
