"""A run that ends too early: what it wrote stays whole, and the next one goes on where it stopped."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection as database
from django.utils import timezone

from finance.models import Party
from integrations import hub
from integrations.connections.models import Connection
from integrations.mapping.services import save_field_rules
from integrations.provider import RateLimited, Temporary
from integrations.sync import pull
from integrations.sync.engine import run_sync
from integrations.sync.models import RecordLink, ResourceState, SyncRun

from .conftest import connect
from .testbook import contact
from .vendor import Reply

pytestmark = [pytest.mark.django_db, pytest.mark.services]


class Work:
    """A job's fence, counted."""

    def __init__(self, lost_at: int = 0) -> None:
        self.fenced, self.completed, self.lost_at = 0, 0, lost_at

    def fence(self) -> None:
        assert database.in_atomic_block
        self.fenced += 1
        if self.fenced == self.lost_at:
            raise LookupError("the lease is somebody else's")

    def complete(self) -> None:
        assert database.in_atomic_block
        self.completed += 1


@pytest.fixture
def every_page(monkeypatch):
    monkeypatch.setattr(pull, "MOST_PAGES", 1)


def pages(vendor):
    return [one.query["page"] for one in vendor.asked]


def test_it_goes_on_at_the_page_after_the_last_that_was_kept(ledger, vendor, every_page):
    vendor.lists("/contacts", [contact(n) for n in range(8)])
    vendor.faults = [None, Reply({}, 500)]
    first = run_sync(ledger, "contacts")
    assert (first.state, first.created) == ("failed", 3)
    assert "goes on where it stopped" in first.message
    assert ResourceState.objects.get().cursor == ""  # only a complete read moves it
    second = run_sync(ledger, "contacts")
    assert (second.state, second.created, second.unchanged) == ("succeeded", 5, 0)
    assert pages(vendor) == ["1", "2", "2", "3"]
    assert ResourceState.objects.get().cursor.startswith("2026-01-08")


@pytest.mark.parametrize("position", [{"shape": "of tomorrow"}, {"began": None}, {"kept": "noon"}, {}])
def test_a_place_kept_by_another_version_of_the_code_is_given_up(ledger, vendor, every_page, position):
    vendor.lists("/contacts", [contact(n) for n in range(8)])
    vendor.faults = [None, Reply({}, 500)]
    run_sync(ledger, "contacts")
    state = ResourceState.objects.get()
    kept = {"read": "r", "mapping": state.position["mapping"]} if position == {"began": None} else state.position
    ResourceState.objects.update(position=kept | position if position else {})
    vendor.asked.clear()
    run = run_sync(ledger, "contacts")
    assert (run.state, pages(vendor)) == ("succeeded", ["1", "2", "3"])


def test_what_was_read_to_its_end_is_not_read_again(ledger, vendor, monkeypatch):
    vendor.lists("/contacts", [contact(n) for n in range(8)])
    with monkeypatch.context() as broken, pytest.raises(ZeroDivisionError):
        broken.setattr(pull.ending.refs, "settle", lambda connection: 1 / 0)
        run_sync(ledger, "contacts")
    vendor.asked.clear()
    run = run_sync(ledger, "contacts", run=SyncRun.objects.get())
    assert (run.state, run.created, run.fetched, vendor.asked) == ("succeeded", 8, 8, [])
    assert ResourceState.objects.get().cursor.startswith("2026-01-08")


def test_the_newest_value_of_the_first_part_counts_for_the_cursor(ledger, vendor, every_page):
    vendor.lists("/contacts", [contact(1, updated="2026-02-20T00:00:00Z"), *[contact(n) for n in range(2, 8)]])
    vendor.faults = [None, Reply({}, 500)]
    run_sync(ledger, "contacts")
    run_sync(ledger, "contacts")
    assert ResourceState.objects.get().cursor.startswith("2026-02-20")


def test_a_full_run_does_not_go_on_with_an_incremental_one(ledger, vendor, every_page):
    vendor.lists("/contacts", [contact(n) for n in range(8)])
    run_sync(ledger, "contacts")
    vendor.lists("/contacts", [contact(n, updated="2026-02-01T00:00:00Z") for n in range(8)])
    vendor.faults = [None, Reply({}, 500)]
    run_sync(ledger, "contacts")
    vendor.asked.clear()
    run = run_sync(ledger, "contacts", full=True)
    assert (pages(vendor)[0], run.fetched) == ("1", 8)


def test_a_place_the_vendor_no_longer_knows_is_given_up_for_the_beginning(ledger, vendor):
    vendor.lists("/contacts", [contact(n) for n in range(8)])
    vendor.faults = [None, Reply({}, 500)]
    pull.MOST_PAGES, before = 1, pull.MOST_PAGES
    run_sync(ledger, "contacts")
    pull.MOST_PAGES = before
    vendor.faults = [Reply({"message": "expired token"}, 400)]
    run = run_sync(ledger, "contacts")
    assert (run.state, run.created, run.unchanged) == ("succeeded", 5, 3), run.message
    vendor.faults = [Reply({"message": "no"}, 400)]
    assert run_sync(ledger, "contacts").state == "failed"


def an_hour_goes_by():
    state = ResourceState.objects.get()
    state.position["kept"] = (timezone.now() - timedelta(hours=1)).isoformat()
    state.save()


def test_a_list_that_moved_while_nobody_read_it_is_read_from_its_beginning(ledger, vendor, every_page):
    """The first record was changed and is now the last: what page 2 began with is on page 1."""
    records = [contact(n) for n in range(8)]
    vendor.lists("/contacts", records)
    vendor.faults = [None, Reply({}, 500)]
    run_sync(ledger, "contacts")
    an_hour_goes_by()
    records.append(records.pop(0) | {"updated": "2026-02-01T00:00:00Z"})
    run = run_sync(ledger, "contacts")
    assert (run.state, Party.objects.count()) == ("succeeded", 8)
    assert pages(vendor) == ["1", "2", "1", "1", "2", "3"]


def test_a_list_that_is_as_it_was_is_gone_on_with_after_any_pause(ledger, vendor, every_page):
    vendor.lists("/contacts", [contact(n) for n in range(8)])
    vendor.faults = [None, None, Reply({}, 500)]
    run_sync(ledger, "contacts")
    an_hour_goes_by()
    run = run_sync(ledger, "contacts")
    assert (run.state, run.created, Party.objects.count()) == ("succeeded", 2, 8)
    assert pages(vendor) == ["1", "2", "3", "2", "3"]


def test_a_pause_the_vendor_asks_for_leaves_the_run_running(ledger, vendor, every_page):
    vendor.lists("/contacts", [contact(n) for n in range(8)])
    vendor.faults = [None, Reply({}, 429, {"Retry-After": "300"})]
    run = SyncRun.objects.create(connection=ledger, resource="contacts")
    with pytest.raises(RateLimited) as paused:
        run_sync(ledger, "contacts", run=run, work=Work())
    assert paused.value.retry_after == 300
    run.refresh_from_db()
    assert (run.state, run.created, run.finished_at) == ("running", 3, None)
    assert re.search(r"3 read; it goes on at \d\d:\d\d, where it stopped", run.message)
    assert timedelta(minutes=4) < run.resumes_at - timezone.now() < timedelta(minutes=6)
    work = Work()
    run = run_sync(ledger, "contacts", run=SyncRun.objects.get(), work=work)
    assert (run.state, run.created, run.fetched, work.completed) == ("succeeded", 8, 8, 1)
    assert pages(vendor) == ["1", "2", "2", "3"]


def test_a_fault_is_raised_to_the_job_and_kept_in_words(ledger, vendor):
    vendor.faults = [Reply({}, 503)]
    run = SyncRun.objects.create(connection=ledger, resource="contacts")
    with pytest.raises(Temporary):
        run_sync(ledger, "contacts", run=run, work=Work())
    run.refresh_from_db()
    assert run.state == "running"
    assert "It is tried again by itself." in run.message


def test_a_refused_token_marks_the_connection_expired_and_completes_the_job(ledger, vendor):
    vendor.faults = [Reply({}, 401)]
    work = Work()
    run = SyncRun.objects.create(connection=ledger, resource="contacts")
    run_sync(ledger, "contacts", run=run, work=work)
    run.refresh_from_db()
    assert (run.state, work.completed) == ("failed", 1)
    assert Connection.objects.get(pk=ledger.pk).status == Connection.Status.EXPIRED


def test_a_worker_that_lost_its_lease_writes_nothing_more(ledger, vendor, every_page):
    vendor.lists("/contacts", [contact(n) for n in range(8)])
    run = SyncRun.objects.create(connection=ledger, resource="contacts")
    with pytest.raises(LookupError):
        run_sync(ledger, "contacts", run=run, work=Work(lost_at=4))
    assert Party.objects.count() == RecordLink.objects.count() == 3
    run.refresh_from_db()
    assert (run.state, run.created) == ("running", 3)


def test_every_batch_is_fenced(ledger, vendor, every_page):
    vendor.lists("/contacts", [contact(n) for n in range(8)])
    work = Work()
    run = SyncRun.objects.create(connection=ledger, resource="contacts")
    run_sync(ledger, "contacts", run=run, work=work)
    assert (work.fenced, work.completed) == (6, 1)  # the run, its place, three batches and the end


def test_a_stopped_run_stops_between_batches(ledger, vendor, every_page):
    vendor.lists("/contacts", [contact(n) for n in range(8)])

    def stop(run):
        SyncRun.objects.filter(pk=run.pk).update(state=SyncRun.State.CANCELLED, finished_at=timezone.now())

    run = run_sync(ledger, "contacts", progress=stop)
    assert (run.state, Party.objects.count()) == ("cancelled", 3)
    assert run_sync(ledger, "contacts").created == 5


def test_a_mapping_changed_meanwhile_begins_the_read_anew(ledger, vendor, every_page):
    vendor.lists("/contacts", [contact(n, mobile="m") for n in range(8)])
    changes = [lambda: save_field_rules(ledger, "contacts", {"phone": {"source": "mobile"}})]
    run = run_sync(ledger, "contacts", progress=lambda run: changes and changes.pop()())
    assert run.state == "succeeded", run.message
    assert set(Party.objects.values_list("phone", flat=True)) == {"m"}
    assert run_sync(ledger, "contacts", full=True).unchanged == 8


def test_a_plan_counts_and_keeps_nothing(ledger, vendor, every_page):
    records = [contact(n) for n in range(8)]
    vendor.lists("/contacts", records)
    plan = run_sync(ledger, "contacts", plan_only=True)
    assert (plan.state, plan.created, plan.message) == ("planned", 8, "8 read: 8 would be new.")
    assert not Party.objects.exists()
    assert not RecordLink.objects.exists()
    state = ResourceState.objects.get()
    assert (state.cursor, state.position, state.last_complete_at) == ("", None, None)
    run_sync(ledger, "contacts")
    records[0]["phone"] = "2"
    records[1]["status"] = "LOST"
    plan = run_sync(ledger, "contacts", plan_only=True, full=True)
    assert (plan.updated, plan.unchanged, plan.quarantined) == (1, 6, 1)
    assert Party.objects.get(name="Contact 0").phone == ""
    assert not plan.quarantined_records.exists()
    ledger.refresh_from_db()


def test_a_plan_that_was_interrupted_counts_from_the_beginning(ledger, vendor, every_page):
    vendor.lists("/contacts", [contact(n) for n in range(8)])
    vendor.faults = [None, Reply({}, 429, {"Retry-After": "1"})]
    plan = SyncRun.objects.create(connection=ledger, resource="contacts", plan_only=True)
    with pytest.raises(RateLimited):
        run_sync(ledger, "contacts", run=plan, work=Work())
    plan = run_sync(ledger, "contacts", run=SyncRun.objects.get(), work=Work())
    assert (plan.state, plan.created, plan.fetched) == ("planned", 8, 8)


def test_a_worker_that_wakes_too_late_does_not_touch_the_run_or_its_place(ledger, vendor):
    for lost_at in (1, 2):
        run = SyncRun.objects.create(connection=ledger, resource="contacts")
        with pytest.raises(LookupError):
            run_sync(ledger, "contacts", run=run, work=Work(lost_at=lost_at))
        run.refresh_from_db()
        assert run.state == ("queued" if lost_at == 1 else "running")
        assert not ResourceState.objects.exists()
    assert not vendor.asked


def test_a_pause_is_forgotten_when_the_run_goes_on(ledger, vendor):
    vendor.lists("/contacts", [contact(1)])
    vendor.faults = [Reply({}, 429, {"Retry-After": "300"})]
    run = SyncRun.objects.create(connection=ledger, resource="contacts")
    with pytest.raises(RateLimited):
        run_sync(ledger, "contacts", run=run, work=Work())
    said = []
    run_sync(ledger, "contacts", run=run, work=Work(), progress=lambda run: said.append(SyncRun.objects.get().message))
    assert said == [""]


def until(true) -> None:
    for _ in range(1000):
        if true():
            return
        time.sleep(0.02)
    raise AssertionError("it never came")


@pytest.mark.parametrize("where", ["page", "write"])
def test_a_killed_worker_leaves_whole_batches_and_the_next_goes_on(committed, vendor, where):
    reached, go_on = threading.Event(), threading.Event()
    with hub.enter(committed["sydney"]):
        connect()
    vendor.lists("/contacts", [contact(n) for n in range(8)])
    plain = vendor.routes["/contacts"]

    def hang_at_the_second(asked):
        if where == "page" and asked.query["page"] == "2" and not go_on.is_set():
            reached.set()
            go_on.wait(20)
        return plain(asked)

    vendor.routes["/contacts"] = hang_at_the_second
    command = [sys.executable, "-m", "tests.sync.killed", "sydney", "contacts", vendor.url, where]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings.test"}, text=True
    ) as child:
        assert reached.wait(20) if where == "page" else child.stdout.readline() == "writing\n"
        with hub.enter(committed["sydney"]):
            until(RecordLink.objects.exists)  # the second page is asked for while the first is written
        child.send_signal(signal.SIGKILL)
    go_on.set()
    with hub.enter(committed["sydney"]):
        assert Party.objects.count() == RecordLink.objects.count() == 3
        assert ResourceState.objects.get().position["place"]["next"] == 2
        vendor.asked.clear()
        run = run_sync(Connection.objects.get(), "contacts", run=SyncRun.objects.get())
        assert (run.state, run.created, run.fetched) == ("succeeded", 8, 8), run.message
        assert pages(vendor) == ["2", "3"]
        assert Party.objects.count() == RecordLink.objects.count() == 8
    with hub.enter(committed["melbourne"]):
        assert not Party.objects.exists()
