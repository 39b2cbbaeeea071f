"""When a resource is to send: looked for without leaving runs behind, carried out by the one kind of job."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from finance.models import Party
from integrations.changes import feed
from integrations.connections.models import Connection
from integrations.hub.models import Due, Job
from integrations.provider import RateLimited
from integrations.sync import services, tasks
from integrations.sync.models import ResourceState, SyncRun
from integrations.sync.push import outbox, overview, stage, switch, wishes
from integrations.sync.push.models import OutboundWrite

from .conftest import final, state_of, sync, two_way
from .test_once import Work
from .test_sending import contacts, edit

pytestmark = pytest.mark.services


def looks() -> list[Job]:
    return list(Job.objects.filter(kind=services.KIND, key__endswith=":send", state="ready"))


def look(ledger, resource: str = "contacts") -> SyncRun | None:
    final()
    return wishes.look(ledger, resource)


def test_where_nothing_is_to_be_sent_no_run_is_made(ledger, shop):
    contacts(shop)
    two_way(ledger)
    before = SyncRun.objects.count()
    Party.objects.create(name="Only here")
    edit("Contact 1", country="AU")
    assert look(ledger) is None
    assert SyncRun.objects.count() == before


def test_where_something_is_a_run_is_wished_for_and_says_why(ledger, shop):
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", phone="2")
    run = look(ledger)
    assert (run.state, run.trigger, run.job_id is not None) == ("queued", "change", True)
    assert look(ledger) is None, "one run is enough"
    run = sync(ledger, run=run)
    assert run.sent == 1
    assert look(ledger) is None


def test_what_this_connection_itself_brought_is_nothing_to_send(ledger, shop):
    contacts(shop)
    two_way(ledger)
    shop.put("contacts", "c1", phone="9")
    sync(ledger)
    assert look(ledger) is None
    assert not OutboundWrite.objects.exists()
    place = feed.position_of(stage.consumer_of(ledger, "contacts"))
    assert feed.read(place) == [], "the next look would go through it again"


def test_a_failed_run_is_not_repeated_every_minute(ledger, shop):
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", phone="2")
    shop.statuses = [(403, {})]
    assert sync(ledger, run=look(ledger)).state == "failed"
    assert look(ledger) is None
    SyncRun.objects.filter(state="failed").update(finished_at=timezone.now() - timedelta(hours=2))
    assert look(ledger) is not None


def test_the_schedule_holds_a_look_beside_the_read_and_both_end_with_sending(ledger, shop):
    contacts(shop)
    two_way(ledger)
    assert Due.objects.filter(connection_id=ledger.pk, resource="contacts:send", every=timedelta(minutes=1)).exists()
    switch.switch_off(ledger, "contacts")
    assert not Due.objects.filter(connection_id=ledger.pk).exists()


def test_a_save_is_looked_at_at_once_where_its_kind_is_sent(ledger, shop):
    contacts(shop)
    sync(ledger)
    edit("Contact 1", phone="2")
    assert looks() == []
    two_way(ledger)
    Job.objects.all().delete()
    edit("Contact 1", phone="3")
    (job,) = looks()
    assert job.payload == {"connection": str(ledger.pk), "resource": "contacts:send"}


def test_the_look_is_a_job_like_a_run_and_leaves_one_to_do(ledger, shop, chapters):
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", phone="2")
    final()

    class Work:
        payload = {"connection": str(ledger.pk), "resource": "contacts:send"}
        id = 0

    tasks.run(Work())
    assert SyncRun.objects.get(state="queued").trigger == "change"
    assert Job.objects.filter(key=f"{ledger.pk}:contacts", state="ready").exists()


def test_what_other_connections_bring_is_sent_on(ledger, shop):
    """Two ledgers of one chapter: what is read from one is a change for the other."""
    contacts(shop)
    two_way(ledger)
    two_way(ledger, "clients", creates=True)
    assert {one["name"] for one in shop.of("clients")} == {"Contact 0", "Contact 1", "Contact 2"}
    other = Connection.objects.create(provider="shop", name="Other", auth_kind="none", status="connected")
    shop.put("contacts", "c1", phone="77")
    sync(other)
    assert look(ledger, "clients") is not None
    sync(ledger, "clients")
    assert {one.get("phone") for one in shop.of("clients")} == {"1", "77"}


def test_a_connection_that_is_made_again_compares_all_once_more(ledger, shop):
    contacts(shop)
    two_way(ledger)
    services.stop(ledger)
    assert not Due.objects.filter(connection_id=ledger.pk).exists()
    wishes.begin_again(ledger)
    assert state_of(ledger).comparing
    assert Due.objects.filter(connection_id=ledger.pk, resource="contacts:send").exists()


def test_everything_is_read_for_who_asks_though_the_run_had_come_to_sending(ledger, shop):
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", phone="2")
    (run,) = services.request_sync(ledger, "contacts")
    shop.statuses = [(429, {"Retry-After": "600"})]
    with pytest.raises(RateLimited):
        sync(ledger, run=run, work=Work())
    assert SyncRun.objects.get(pk=run.pk).read_said
    Job.objects.filter(pk=run.job_id).update(run_at=timezone.now() + timedelta(minutes=10))
    shop.asked.clear()
    (again,) = services.request_sync(ledger, "contacts", full=True)
    done = sync(ledger, run=again, work=Work())
    assert (again.pk, done.state, done.full, done.sent) == (run.pk, "succeeded", True, 1)
    assert shop.asked[0].method == "GET"


def test_what_was_refused_is_sent_again_when_a_person_asks(ledger, shop):
    contacts(shop)
    two_way(ledger)
    shop.refuse["Bad"] = "no"
    edit("Contact 0", name="Bad")
    sync(ledger)
    shop.refuse.clear()
    outgoing = overview.overview(ledger)[0]
    assert (outgoing.resource.name, outgoing.refused, outgoing.waiting) == ("contacts", 1, 0)
    assert overview.retry(ledger, "contacts") == 1
    assert overview.retry(ledger, "contacts", []) == 0
    assert sync(ledger, run=SyncRun.objects.get(state="queued")).sent == 1
    assert shop.records["contacts"]["c0"]["name"] == "Bad"


def test_the_difference_is_counted_and_shown_before_anything_is_switched_on(ledger, shop):
    contacts(shop)
    sync(ledger)
    edit("Contact 1", phone="2", country="AU")
    Party.objects.create(name="Only here")
    found = switch.difference(ledger, "contacts")
    assert (found.linked, found.compared, found.differ, found.only_here) == (3, 3, 1, 1)
    (sample,) = found.samples
    assert (sample.external_id, sample.fields) == ("c1", [("phone", "1", "2")])
    assert not OutboundWrite.objects.exists()
    assert not ResourceState.objects.filter(sends=True).exists()


def test_looking_and_sending_take_no_query_more_for_a_record_more(ledger, shop):
    contacts(shop, 3)
    two_way(ledger)
    counts = []
    for many in (3, 40):
        contacts(shop, many)
        sync(ledger)
        Party.objects.update(phone=f"phone {many}")
        final()
        with CaptureQueriesContext(database) as looked:
            wishes.look(ledger, "contacts")
        with CaptureQueriesContext(database) as shown:
            switch.difference(ledger, "contacts")
            overview.overview(ledger)
        with CaptureQueriesContext(database) as pinned:
            chosen = outbox.following(ledger, "contacts", creates=3, updates=3)
        assert len(chosen) == 3
        counts.append((len(looked), len(shown), len(pinned)))
        sync(ledger, run=SyncRun.objects.get(state="queued"))
    assert counts[0] == counts[1]
    assert counts[0][1] < 20
