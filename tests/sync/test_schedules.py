"""When resources are read by themselves, and what is read once more at night."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from integrations import hub
from integrations.connections import status
from integrations.connections.models import Connection
from integrations.connections.signals import connected
from integrations.hub.jobs import claims, regular, tick, worker
from integrations.hub.models import Due, Job
from integrations.provider import RateLimit, Resource
from integrations.sync import resets, schedules, services, upkeep
from integrations.sync.engine import run_sync
from integrations.sync.models import QuarantinedRecord, RecordLink, ResourceState, SeenKey, SyncRun

from . import testbook
from .conftest import connect
from .declared import declare
from .testbook import contact, person

pytestmark = [pytest.mark.django_db, pytest.mark.services]
HOURLY = timedelta(hours=1)


def due(connection):
    return dict(Due.objects.filter(connection_id=connection.pk).values_list("resource", "every"))


def choose(ledger, resource="contacts", **changes):
    chosen = {"every": None, "enabled": True, "sweep_days": 3} | changes
    return schedules.choose(ledger, resource, **chosen)


def test_a_thousand_connections_do_not_ask_at_the_same_second():
    now = timezone.now()
    turns = [schedules.next_turn(uuid4(), "contacts", HOURLY, now) for _ in range(1_000)]
    assert all(now < turn <= now + HOURLY for turn in turns)
    minutes = [int((turn - now).total_seconds() // 60) for turn in turns]
    assert max(minutes.count(minute) for minute in set(minutes)) < 40, "about 17 in each minute"


def test_the_turn_is_the_same_however_often_it_is_worked_out():
    mine, now = uuid4(), timezone.now()
    turn = schedules.next_turn(mine, "contacts", HOURLY, now)
    assert schedules.next_turn(mine, "contacts", HOURLY, turn - timedelta(seconds=1)) == turn
    assert schedules.next_turn(mine, "contacts", HOURLY, turn) == turn + HOURLY
    assert schedules.next_turn(mine, "invoices", HOURLY, now) != turn


def test_connecting_gives_every_resource_its_turn_within_its_interval(ledger):
    connected.send(sender=Connection, connection=ledger)
    assert due(ledger) == {one.name: one.every for one in testbook.provider.resources}
    for one in Due.objects.filter(connection_id=ledger.pk):
        assert timezone.now() < one.due_at <= timezone.now() + one.every


def test_the_chapter_chooses_how_often_and_whether(ledger):
    schedules.align(ledger)
    choose(ledger, every=timedelta(hours=6))
    assert due(ledger)["contacts"] == timedelta(hours=6)
    choose(ledger, enabled=False)
    assert "contacts" not in due(ledger)
    choose(ledger)
    assert due(ledger)["contacts"] == testbook.provider.resource("contacts").every


@pytest.mark.parametrize("minutes", [1, 2, 7 * 24 * 60 + 1])
def test_what_the_provider_does_not_allow_is_refused_in_words(ledger, minutes):
    with pytest.raises(schedules.OutOfBounds, match="Between 3 minutes and 7 days"):
        choose(ledger, every=timedelta(minutes=minutes))
    with pytest.raises(schedules.OutOfBounds, match="Between 0 and 90 days"):
        choose(ledger, sweep_days=91)
    with pytest.raises(KeyError):
        choose(ledger, "shoes")


def test_a_small_daily_budget_allows_fewer_reads(monkeypatch):
    provider = declare(monkeypatch, limits=RateLimit(per_day=1_000))
    contacts = provider.resource("contacts")
    assert schedules.shortest(testbook.provider, contacts) == timedelta(minutes=3)
    assert schedules.shortest(provider, contacts) == timedelta(minutes=29), "10 resources, half of 1,000 a day"


@pytest.mark.parametrize("broken", ["expired", "disconnected"])
def test_nothing_is_due_while_the_connection_is_broken_and_the_choice_is_kept(ledger, broken):
    choose(ledger, every=timedelta(hours=6))
    status.change(ledger, Connection.Status(broken))
    assert due(ledger) == {}
    schedules.align(ledger)
    assert due(ledger) == {}
    status.change(ledger, Connection.Status.CONNECTED)
    assert due(ledger)["contacts"] == timedelta(hours=6)


def test_a_resource_of_a_later_release_gets_its_state_and_its_turn_by_itself(ledger, monkeypatch):
    schedules.align(ledger)
    fresh = Resource("events", path="/events", records="items", key="id", target="members.tag", mapping=testbook.TAG)
    gone = [one for one in testbook.provider.resources if one.name != "lasts"]
    from dataclasses import replace

    from integrations import registry

    provider = replace(testbook.provider, resources=(*gone, fresh))
    monkeypatch.setattr(registry, "all_providers", lambda: {"testbook": provider})
    assert schedules.align(ledger) == 2
    assert "events" in due(ledger)
    assert "lasts" not in due(ledger)
    assert ResourceState.objects.filter(resource="events").exists()
    assert schedules.align(ledger) == 0


def test_what_is_right_already_is_not_written_again(ledger, django_assert_max_num_queries):
    schedules.align(ledger)
    before = list(Due.objects.order_by("pk").values_list("pk", "due_at"))
    with django_assert_max_num_queries(8):
        assert schedules.align(ledger) == 0
    assert list(Due.objects.order_by("pk").values_list("pk", "due_at")) == before


def test_what_was_due_at_another_moment_is_put_in_its_place(ledger):
    schedules.align(ledger)
    Due.objects.filter(resource="tags").update(due_at=timezone.now() + timedelta(seconds=100))
    Due.objects.filter(resource="contacts").update(due_at=timezone.now() + timedelta(seconds=100))
    changed = schedules.align(ledger)
    assert changed == 2
    for one in Due.objects.filter(connection_id=ledger.pk):
        assert schedules._in_place(ledger.pk, one.resource, one.every, one.due_at)


def test_one_chapters_choice_is_not_the_others(vendor, sydney, melbourne):
    with hub.enter(melbourne):
        other = connect()
        schedules.align(other)
    with hub.enter(sydney):
        mine = connect()
        choose(mine, every=timedelta(hours=6))
        schedules.pause(other)
        assert due(other), "the pause of a connection of another chapter is none"
    assert due(mine)["contacts"] == timedelta(hours=6)
    assert due(other)["contacts"] == timedelta(minutes=15)


# --- at night ---------------------------------------------------------------------------------------------------------


def at_night(ledger, monkeypatch, *, after=timedelta(minutes=1), resource="contacts"):
    """The clock stands at so long after the resource's moment of this night."""
    moment = schedules.sweep_time(ledger.pk, resource, datetime(2026, 6, 10, 0, 0, tzinfo=UTC)) + after
    monkeypatch.setattr(upkeep.timezone, "now", lambda: moment)
    return moment


def loaded(vendor, ledger):
    vendor.lists("/contacts", [contact(n) for n in range(5)])
    run_sync(ledger, "contacts")
    ResourceState.objects.update(cursor="2026-01-20T00:00:00+00:00")


def test_the_night_is_the_chapters_own_and_each_resource_has_its_moment(sydney):
    zone = ZoneInfo(sydney.timezone)
    now = datetime(2026, 6, 10, 3, 0, tzinfo=UTC)
    with hub.enter(sydney):
        moments = [schedules.sweep_time(uuid4(), "contacts", now).astimezone(zone) for _ in range(200)]
    assert {moment.date() for moment in moments} == {now.astimezone(zone).date()}
    assert {moment.hour for moment in moments} == {1, 2, 3, 4}


def test_a_missed_change_is_found_at_night(ledger, vendor, monkeypatch):
    """The vendor shows a change late: with a time before the cursor, which an ordinary read no longer asks for."""
    loaded(vendor, ledger)
    vendor.lists("/contacts", [contact(1, name="Late", updated="2026-01-18T12:00:00Z")])
    assert run_sync(ledger, "contacts").fetched == 0
    at_night(ledger, monkeypatch)
    (run,) = upkeep.sweep(ledger)
    assert (run.back_days, run.trigger, run.state) == (3, "schedule", "queued")
    monkeypatch.undo()
    monkeypatch.setattr("integrations.registry.all_providers", lambda: {"testbook": testbook.provider})
    from .vendor import tiny_door

    monkeypatch.setattr("integrations.http.open_door", tiny_door(vendor.url))
    swept = run_sync(ledger, "contacts", run=run)
    assert (swept.state, swept.updated, swept.full) == ("succeeded", 1, False)
    assert vendor.asked[-1].headers["if-modified-since"] == "2026-01-16T23:58:00Z"
    assert ResourceState.objects.get().cursor == "2026-01-20T00:00:00+00:00", "the cursor does not go back"


def test_a_night_has_one_sweep(ledger, vendor, monkeypatch):
    loaded(vendor, ledger)
    at_night(ledger, monkeypatch)
    assert len(upkeep.sweep(ledger)) == 1
    SyncRun.objects.all().delete()
    assert upkeep.sweep(ledger) == []
    at_night(ledger, monkeypatch, after=timedelta(days=1, minutes=1))
    assert len(upkeep.sweep(ledger)) == 1


@pytest.mark.parametrize("after", [timedelta(minutes=-1), timedelta(hours=7)])
def test_by_day_nothing_is_swept(ledger, vendor, monkeypatch, after):
    loaded(vendor, ledger)
    at_night(ledger, monkeypatch, after=after)
    assert upkeep.sweep(ledger) == []


@pytest.mark.parametrize("without", ["switched off", "no days", "never read", "expired"])
def test_what_has_nothing_to_sweep_is_left(ledger, vendor, monkeypatch, without):
    loaded(vendor, ledger)
    match without:
        case "switched off":
            ResourceState.objects.update(enabled=False)
        case "no days":
            ResourceState.objects.update(sweep_days=0)
        case "never read":
            ResourceState.objects.update(last_complete_at=None)
        case "expired":
            ledger.status = "expired"
    at_night(ledger, monkeypatch)
    assert upkeep.sweep(ledger) == []


def test_a_sweep_meets_a_run_under_way_and_comes_again(ledger, vendor, monkeypatch):
    loaded(vendor, ledger)
    services.request_sync(ledger, "contacts")
    SyncRun.objects.filter(state="queued").update(state="running")
    at_night(ledger, monkeypatch)
    assert upkeep.sweep(ledger) == []
    assert ResourceState.objects.get().swept_at is None


def test_every_active_chapter_is_looked_after_every_hour(vendor, sydney, melbourne):
    for kind, every in regular.known().items():
        tick.claim_fire(f"every.{kind}", every)
    assert tick.wish_regularly() == 0, "this hour's has been wished for"
    assert regular.wish(upkeep.KIND) == 2
    wished = Job.objects.filter(kind=upkeep.KIND)
    assert set(wished.values_list("chapter_id", flat=True)) == {sydney.pk, melbourne.pk}
    assert all(job.run_at <= timezone.now() + HOURLY for job in wished)
    for chapter in (sydney, melbourne):
        with hub.enter(chapter):
            connect()
    wished.update(run_at=timezone.now())
    for _ in range(2):
        worker.run(claims.claim())
    assert Due.objects.count() == 2 * len(testbook.provider.resources)
    assert not Job.objects.exclude(state="done").filter(kind=upkeep.KIND).exists()


# --- forgetting -------------------------------------------------------------------------------------------------------


def test_old_history_is_forgotten_and_what_somebody_needs_is_not(ledger, settings):
    old = timezone.now() - timedelta(days=400)
    kept = SyncRun.objects.create(connection=ledger, resource="tags", state="succeeded", finished_at=old)
    waiting = SyncRun.objects.create(connection=ledger, resource="contacts", state="planned", finished_at=old)
    first = SyncRun.objects.create(connection=ledger, resource="contacts", state="succeeded", finished_at=old)
    newest = SyncRun.objects.create(connection=ledger, resource="contacts", state="failed", finished_at=old)
    record = {"connection": ledger, "resource": "contacts", "reasons": [], "body": "", "run": first}
    QuarantinedRecord.objects.create(**record, external_id="open")
    QuarantinedRecord.objects.create(**record, external_id="resolved", resolved_at=old)
    QuarantinedRecord.objects.create(**record, external_id="lately", resolved_at=timezone.now())
    settings.RUN_KEEP_DAYS = settings.QUARANTINE_KEEP_DAYS = 0
    assert upkeep.prune() == 0
    settings.RUN_KEEP_DAYS = settings.QUARANTINE_KEEP_DAYS = 90
    assert upkeep.prune() == 2
    assert set(SyncRun.objects.values_list("pk", flat=True)) == {kept.pk, waiting.pk, newest.pk}
    assert set(QuarantinedRecord.objects.values_list("external_id", flat=True)) == {"open", "lately"}


# --- beginning anew ---------------------------------------------------------------------------------------------------


def test_forgetting_the_cursor_reads_everything_once_and_forgets_nothing_else(ledger, vendor):
    loaded(vendor, ledger)
    vendor.routes["/tags"] = lambda asked: __import__("tests.sync.vendor", fromlist=["Reply"]).Reply([])
    run_sync(ledger, "tags")
    links = set(RecordLink.objects.values_list("pk", flat=True))
    SeenKey.objects.create(state=ResourceState.objects.get(resource="contacts"), external_id="x")
    others = ResourceState.objects.get(resource="tags").last_complete_at
    resets.forget_cursor(ledger, "contacts")
    run = run_sync(ledger, "contacts")
    assert (run.full, run.fetched, run.unchanged) == (True, 5, 5)
    assert set(RecordLink.objects.values_list("pk", flat=True)) == links
    assert not SeenKey.objects.exists()
    assert ResourceState.objects.get(resource="tags").last_complete_at == others
    assert not run_sync(ledger, "contacts").full


def test_a_read_under_way_begins_anew_when_its_cursor_is_forgotten(ledger, vendor, monkeypatch):
    from integrations.sync import pull

    monkeypatch.setattr(pull, "MOST_PAGES", 1)
    loaded(vendor, ledger)
    vendor.lists("/contacts", [contact(n, updated="2026-02-01T00:00:00Z") for n in range(7)])
    run = SyncRun.objects.create(connection=ledger, resource="contacts")
    done = []

    def reset(_):
        if not done:
            done.append(resets.forget_cursor(ledger, "contacts"))

    run = run_sync(ledger, "contacts", run=run, progress=reset)
    assert (run.state, run.full) == ("succeeded", True)


def test_reading_and_comparing_takes_the_place_of_a_smaller_read(ledger, vendor):
    loaded(vendor, ledger)
    (small,) = services.request_sync(ledger, "contacts")
    SyncRun.objects.filter(pk=small.pk).update(state="running")
    run = resets.read_and_compare(ledger, "contacts", trigger="person")
    small.refresh_from_db()
    assert (small.state, run.full, run.state, run.pk != small.pk) == ("cancelled", True, "queued", True)


def test_two_chapters_begin_anew_apart(vendor, sydney, melbourne):
    for chapter in (sydney, melbourne):
        with hub.enter(chapter):
            loaded(vendor, connect())
    with hub.enter(sydney):
        resets.forget_cursor(Connection.objects.get(), "contacts")
        assert ResourceState.objects.get().cursor == ""
    with hub.enter(melbourne):
        assert ResourceState.objects.get().cursor != ""


# --- those inside others ----------------------------------------------------------------------------------------------


def test_what_lives_inside_another_is_woken_when_that_has_been_read(ledger, vendor):
    vendor.lists("/lists", [{"id": "news", "name": "News"}])
    vendor.lists("/lists/news/people", [person(1)])
    chapter = hub.current()
    services.request_sync(ledger, "people")
    services.request_sync(ledger, "lists")
    from django.db import connection as database

    for _ in range(2):
        worker.run(claims.claim())
        database.set_tenant(chapter)
    people = Job.objects.get(key=f"{ledger.pk}:people")
    assert people.state == "ready"
    assert people.run_at <= timezone.now(), "it does not wait its minute out"
    worker.run(claims.claim())
    database.set_tenant(chapter)
    assert SyncRun.objects.get(resource="people").created == 1
