"""Whatever happens between the vendor's commit and ours, a change reaches it once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from finance.models import Party
from integrations import hub
from integrations.connections.models import Connection
from integrations.provider import Permanent, RateLimited, Temporary
from integrations.sync.models import RecordLink, SyncRun
from integrations.sync.push import engine as pushing
from integrations.sync.push import outbox, switch
from integrations.sync.push.models import OutboundWrite

from .conftest import connect, final, sync, two_way
from .test_sending import contacts, edit

pytestmark = pytest.mark.services
# `make faults` asks for 200.
KILLS = int(os.environ.get("PUSH_KILLS", "10"))


class Work:
    """A job's fence; `lost` says when somebody else has the job."""

    def __init__(self, lost: Callable[[], bool] = lambda: False) -> None:
        self.completed, self.lost = 0, lost

    def fence(self) -> None:
        if self.lost():
            raise LookupError("somebody else's")

    def complete(self) -> None:
        self.completed += 1


def newcomers(count: int) -> None:
    for number in range(count):
        Party.objects.create(name=f"Newcomer {number}", email=f"n{number}@example.com")


# --- answers that never come --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", ["contacts", "clients"])
def test_a_creation_whose_answer_was_lost_is_found_and_linked(ledger, shop, resource):
    two_way(ledger, resource, creates=True)
    newcomers(2)
    shop.drop = 1
    run = SyncRun.objects.create(connection=ledger, resource=resource)
    with pytest.raises(Temporary):
        sync(ledger, resource, run=run, work=Work())
    assert OutboundWrite.objects.filter(state="unknown").exists()
    sync(ledger, resource, run=run, work=Work())
    assert (shop.made, RecordLink.objects.count(), Party.objects.count()) == (2, 2, 2)
    assert set(OutboundWrite.objects.values_list("state", flat=True)) == {"done"}
    assert sync(ledger, resource).sent == 0


def test_a_change_whose_answer_was_lost_is_read_and_not_sent_again(ledger, shop):
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", phone="2")
    shop.drop = 1
    run = sync(ledger)
    assert run.state == "failed"
    assert sync(ledger).sent == 1
    assert (len(shop.writes()), shop.executed) == (1, 1)
    assert RecordLink.objects.get(external_id="c1").base["phone"] == "2"


def test_what_never_arrived_is_sent_again_exactly_as_it_was(ledger, shop):
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", phone="2")
    shop.statuses = [(503, {})]
    sync(ledger)
    assert OutboundWrite.objects.get().state == "unknown"
    edit("Contact 1", phone="3")  # changed meanwhile: another change, sent afterwards
    run = sync(ledger)
    first, second, third = shop.writes()
    assert (first.body, first.headers["idempotency-key"]) == (second.body, second.headers["idempotency-key"])
    assert third.headers["idempotency-key"] != first.headers["idempotency-key"]
    assert (run.sent, shop.records["contacts"]["c1"]["phone"]) == (2, "3")


def test_of_a_call_that_was_done_in_part_only_the_rest_is_sent_again(ledger, shop):
    two_way(ledger, creates=True)
    newcomers(4)
    shop.refuse["Newcomer 2"] = "not her"
    shop.drop = 1
    sync(ledger)
    shop.refuse.clear()
    assert shop.made == 3
    run = sync(ledger)
    assert (run.sent, shop.made, RecordLink.objects.count()) == (4, 4, 4)
    keys = [one.headers["idempotency-key"] for one in shop.writes()]
    assert len(set(keys)) == 2, "a call with other members has another key"


def test_a_vendor_that_surely_knows_the_key_is_asked_again_with_it(ledger, shop, monkeypatch):
    """Stripe's way: what cannot be looked for, because it has no address, is repeated under its key."""
    from dataclasses import replace

    from . import shop as declared

    clients = declared.provider.resource("clients")
    remembering = replace(clients, write=replace(clients.write, remembers=timedelta(hours=1)))
    others = tuple(one for one in declared.provider.resources if one.name != "clients")
    provider = replace(declared.provider, resources=(*others, remembering))
    monkeypatch.setattr("integrations.registry.all_providers", lambda: {"shop": provider})
    two_way(ledger, "clients", creates=True)
    Party.objects.create(name="Without address")
    shop.drop = 1
    sync(ledger, "clients")
    assert sync(ledger, "clients").sent == 1
    assert (shop.made, len(shop.writes())) == (1, 2)


def test_what_can_neither_be_looked_for_nor_repeated_waits_for_a_person(ledger, shop):
    two_way(ledger, "bare", creates=True)
    Party.objects.create(name="Nobody knows", email="n@example.com")
    shop.statuses = [(503, {})]
    sync(ledger, "bare")
    run = sync(ledger, "bare")
    assert (run.sent, shop.made) == (0, 0)
    assert "1 of which nobody knows whether they arrived" in run.message
    edit("Nobody knows", phone="1")
    sync(ledger, "bare")
    assert len(shop.writes()) == 1, "not even a change here sends it again"


def test_what_nobody_could_look_for_is_found_when_its_kind_is_read(ledger, shop):
    two_way(ledger, "bare", creates=True)
    Party.objects.create(name="Nobody knows", email="n@example.com")
    shop.drop = 1
    sync(ledger, "bare")
    sync(ledger, "bare")
    assert (shop.made, Party.objects.count(), OutboundWrite.objects.get().state) == (1, 1, "done")
    edit("Nobody knows", phone="1")
    assert sync(ledger, "bare").sent == 1
    assert shop.records["bare"]["new1"]["phone"] == "1"


def test_a_change_without_keys_or_addresses_is_simply_said_again(ledger, shop):
    shop.put("bare", "b1", name="Ada", phone="1")
    two_way(ledger, "bare")
    edit("Ada", phone="2")
    shop.drop = 1
    sync(ledger, "bare")
    assert sync(ledger, "bare").sent == 1
    assert shop.records["bare"]["b1"]["phone"] == "2"


def test_two_that_look_alike_are_not_guessed_between(ledger, shop):
    two_way(ledger, creates=True)
    Party.objects.create(name="Twin")
    shop.drop = 1
    sync(ledger)
    shop.put("contacts", "another", name="Twin")
    run = sync(ledger)
    assert "1 of which nobody knows whether they arrived" in run.message
    assert shop.made == 1


# --- what the vendor says to all ----------------------------------------------------------------------------------------


def test_a_pause_leaves_everything_as_it_was_and_goes_on_with_the_same_key(ledger, shop):
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", phone="2")
    shop.statuses = [(429, {"Retry-After": "7"})]
    run = SyncRun.objects.create(connection=ledger, resource="contacts")
    with pytest.raises(RateLimited) as pause:
        sync(ledger, run=run, work=Work())
    assert (pause.value.retry_after, OutboundWrite.objects.get().state) == (7, "ready")
    work = Work()
    run = sync(ledger, run=SyncRun.objects.get(pk=run.pk), work=work)
    assert (run.state, run.sent, work.completed) == ("succeeded", 1, 1)
    first, second = shop.writes()
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


def test_a_missing_permission_fails_the_run_and_no_record(ledger, shop):
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", phone="2")
    shop.statuses = [(403, {})]
    run = sync(ledger)
    assert (run.state, run.refused) == ("failed", 0)
    assert sync(ledger).sent == 1


def test_a_call_that_is_refused_whole_goes_record_by_record(ledger, shop):
    contacts(shop)
    two_way(ledger)
    Party.objects.update(phone="2")
    shop.statuses = [(400, {})]
    run = sync(ledger)
    assert (run.sent, run.refused) == (3, 0)
    assert [len(body["items"]) for body in shop.bodies()] == [3, 1, 1, 1]


def test_a_key_in_use_is_no_refusal_of_the_record(ledger, shop):
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", phone="2")
    shop.statuses = [(503, {}), (409, {})]
    sync(ledger)
    run = sync(ledger)
    assert (run.state, OutboundWrite.objects.get().state) == ("failed", "unknown")
    assert sync(ledger).sent == 1


def test_a_mistake_of_the_whole_declaration_is_said_once(ledger, shop, monkeypatch):
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", phone="2")

    def elsewhere(*_):
        raise Permanent("is somewhere else", status=301)

    monkeypatch.setattr(pushing.calls, "send", elsewhere)
    run = sync(ledger)
    assert (run.state, OutboundWrite.objects.get().state) == ("failed", "ready")


# --- jobs ---------------------------------------------------------------------------------------------------------------


def test_the_job_is_completed_with_the_run_and_not_before(ledger, shop):
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", phone="2")
    run, work = SyncRun.objects.create(connection=ledger, resource="contacts"), Work()
    seen = []
    sync(ledger, run=run, work=work, progress=lambda one: seen.append((one.sent, work.completed)))
    assert seen[-1] == (1, 0)
    assert work.completed == 1


def test_a_worker_that_wakes_too_late_writes_nothing_down(ledger, shop):
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", phone="3")
    run = SyncRun.objects.create(connection=ledger, resource="contacts")
    with pytest.raises(LookupError):
        sync(ledger, run=run, work=Work(lost=lambda: shop.executed > 0))
    assert shop.records["contacts"]["c1"]["phone"] == "3"
    assert OutboundWrite.objects.get().state == "sending"
    sync(ledger, run=run, work=Work())
    assert shop.executed == 1
    assert OutboundWrite.objects.get().state == "done"


def test_a_run_that_is_stopped_has_written_down_what_it_sent(ledger, shop):
    contacts(shop, 12)
    two_way(ledger)
    Party.objects.update(phone="2")
    run = SyncRun.objects.create(connection=ledger, resource="contacts")

    def stop(one: SyncRun) -> None:
        if one.sent:
            SyncRun.objects.filter(pk=one.pk).update(state="cancelled", finished_at=timezone.now())

    run = sync(ledger, run=run, progress=stop)
    assert (run.state, run.sent, len(shop.writes())) == ("cancelled", 5, 1)
    assert sync(ledger).sent == 7


def test_a_turn_ends_between_calls_and_the_rest_is_sent_in_the_next(ledger, shop, monkeypatch):
    from integrations.sync.ahead import TurnOver

    contacts(shop, 12)
    two_way(ledger)
    Party.objects.update(phone="2")
    run = SyncRun.objects.create(connection=ledger, resource="contacts")
    monkeypatch.setattr(pushing, "TURN_SECONDS", -1)
    turns = 0
    while turns < 10:
        turns += 1
        try:
            run = sync(ledger, run=SyncRun.objects.get(pk=run.pk), work=Work())
        except TurnOver:
            continue
        break
    assert (run.state, run.sent, shop.executed) == ("succeeded", 12, 12)
    assert run.message.startswith("12 read")
    reads = [one for one in shop.asked if one.method == "GET" and one.path == "/contacts"]
    assert len(reads) == 3, "a run that goes on does not read everything once more"


# --- keys ---------------------------------------------------------------------------------------------------------------


def test_a_key_is_short_and_never_used_for_two_changes(ledger, shop):
    contacts(shop)
    two_way(ledger)
    for phone in ("2", "3", "2"):
        edit("Contact 1", phone=phone)
        sync(ledger)
    keys = [one.headers["idempotency-key"] for one in shop.writes()]
    assert len(set(keys)) == 3
    assert max(map(len, keys)) <= 128
    assert shop.records["contacts"]["c1"]["phone"] == "2", (
        "an old content sent again is not taken for its first sending"
    )


def test_two_chapters_never_share_a_key(chapters):
    made = uuid4()
    write = OutboundWrite(connection_id=made, resource="contacts", record_id=made, op="update", version=1)
    keys = set()
    for chapter in chapters.values():
        with hub.enter(chapter):
            keys.add(outbox.key_of(write))
    assert len(keys) == 2


# --- killed -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", ["contacts", "clients"])
def test_a_worker_killed_between_their_commit_and_ours_sends_nothing_twice(chapters, shop, resource):
    """Each time some are new and some are changed, and the worker dies when the vendor has done what it was asked."""
    with hub.enter(chapters["sydney"]):
        ledger = connect()
        two_way(ledger, resource, creates=True)
    with workers(shop, resource) as kill:
        for number in range(KILLS):
            with hub.enter(chapters["sydney"]):
                Party.objects.create(name=f"Newcomer {number}", email=f"n{number}@example.com")
                if number > 2:
                    edit(f"Newcomer {number - 3}", phone=str(number))
                final()
            kill()
    with hub.enter(chapters["sydney"]):
        run = sync(Connection.objects.get(), resource)
        sync(Connection.objects.get(), resource)
        assert run.state == "succeeded", run.message
        assert shop.made == len({one["name"] for one in shop.of(resource)}) == KILLS
        assert RecordLink.objects.count() == Party.objects.count() == KILLS
        ours = {party.name: party.phone or None for party in Party.objects.all()}
        assert {one["name"]: one.get("phone") for one in shop.of(resource)} == ours
    with hub.enter(chapters["melbourne"]):
        assert not OutboundWrite.objects.exists()


@contextmanager
def workers(shop, resource: str) -> Iterator[Callable[[], None]]:
    """Kills a worker as soon as the vendor has answered it. What an earlier one left may be settled on the way."""
    command = [sys.executable, "-m", "tests.sync.push.killed", "sydney", resource, shop.url]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings.test"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, bufsize=1
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None

        def kill() -> None:
            parent.stdin.write("another\n")
            said, pid = parent.stdout.readline().split()
            assert said == "taken"
            os.kill(int(pid), signal.SIGKILL)
            assert parent.stdout.readline() == f"dead {signal.SIGKILL.value}\n"

        yield kill
        parent.stdin.close()


# --- approval -----------------------------------------------------------------------------------------------------------


def test_many_first_changes_wait_for_a_person_and_nothing_leaves_before(ledger, shop, monkeypatch):
    from integrations.sync import services
    from integrations.sync.push import plan

    monkeypatch.setattr(plan, "FEW", 2)
    contacts(shop, 12)
    sync(ledger)
    Party.objects.update(phone="2")
    run = switch.switch_on(ledger, "contacts", creates=False)
    run = sync(ledger, run=run)
    assert (run.state, shop.writes()) == ("planned", [])
    assert "12 changed at Shop for the first time: that waits for approval. Nothing was sent." in run.message
    again = sync(ledger)
    assert (again.state, shop.writes()) == ("succeeded", [])
    queued = services.approve(run)
    assert not queued.approved, "deletes beyond the brake were not asked about"
    queued = sync(ledger, run=queued)
    assert (queued.state, queued.sent) == ("succeeded", 12)
    Party.objects.update(phone="3")
    assert sync(ledger).sent == 12


def test_few_first_changes_are_sent_without_asking(ledger, shop, monkeypatch):
    from integrations.sync.push import plan

    monkeypatch.setattr(plan, "FEW", 2)
    contacts(shop, 12)
    sync(ledger)
    edit("Contact 1", phone="2")
    edit("Contact 2", phone="2")
    run = sync(ledger, run=switch.switch_on(ledger, "contacts", creates=False))
    assert (run.state, run.sent) == ("succeeded", 2)
