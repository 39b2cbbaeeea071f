"""What a vendor itself says it has deleted."""

from __future__ import annotations

import pytest
from django.utils import timezone

from integrations import hub
from integrations.connections.models import Connection
from integrations.provider import Cursor, Offset, Tombstones
from integrations.sync import services
from integrations.sync.engine import run_sync
from integrations.sync.models import RecordLink, ResourceState, SyncRun
from members.models import Member

from .conftest import connect
from .declared import declare
from .testbook import contact, person
from .vendor import Reply

pytestmark = [pytest.mark.django_db, pytest.mark.services]
FEED = Tombstones(
    path="/deleted",
    records="items",
    key="id",
    pages=Offset(size=2, size_param="size"),
    cursor=Cursor(field="updated", param="since"),
)


def gone_here():
    return set(RecordLink.objects.filter(state="remote_deleted").values_list("external_id", flat=True))


def tombstone(number, moment="2100-01-01T00:00:00Z"):
    return {"id": f"c{number}", "updated": moment}


@pytest.fixture
def feed(monkeypatch):
    declare(monkeypatch, contacts={"deletes": FEED})


def loaded(vendor, ledger, count=40):
    vendor.lists("/contacts", [contact(n) for n in range(count)])
    vendor.lists("/deleted", [])
    assert run_sync(ledger, "contacts").state == "succeeded"


def test_what_the_list_of_deletions_names_is_gone_and_nothing_else(ledger, vendor, feed):
    loaded(vendor, ledger)
    vendor.lists("/deleted", [tombstone(1), tombstone(2), tombstone(3), tombstone(999)])
    run = run_sync(ledger, "contacts")
    assert (run.state, run.deleted, gone_here()) == ("succeeded", 3, {"c1", "c2", "c3"})
    assert (run_sync(ledger, "contacts").deleted, gone_here()) == (0, {"c1", "c2", "c3"})


def test_it_is_read_page_by_page_and_on_from_where_it_ended(ledger, vendor, feed):
    loaded(vendor, ledger)
    vendor.lists("/deleted", [tombstone(n, "2026-05-01T10:00:00Z") for n in range(5)])
    ResourceState.objects.update(deletions_cursor="2026-01-01T00:00:00+00:00")
    vendor.asked.clear()
    run_sync(ledger, "contacts")
    asked = [one.query for one in vendor.asked if one.path == "/deleted"]
    assert [one["offset"] for one in asked] == ["0", "2", "4"]
    assert {one["since"] for one in asked} == {"2025-12-31T23:58:00Z"}
    assert ResourceState.objects.get().deletions_cursor == "2026-05-01T10:00:00+00:00"


def test_before_the_first_read_nothing_was_here_to_be_gone(ledger, vendor, feed):
    vendor.lists("/contacts", [contact(1)])
    run_sync(ledger, "contacts")
    assert not [one for one in vendor.asked if one.path == "/deleted"]
    state = ResourceState.objects.get()
    assert state.deletions_cursor == state.last_complete_at.isoformat()


def test_more_than_the_brake_waits_for_a_person_and_is_not_forgotten(ledger, vendor, feed):
    loaded(vendor, ledger)
    before = ResourceState.objects.get().deletions_cursor
    vendor.lists("/deleted", [tombstone(n) for n in range(9)])
    run = run_sync(ledger, "contacts")
    assert (run.state, run.deleted, gone_here()) == ("planned", 0, set())
    assert "9 of 40 were deleted there, more than 20%: nothing was deleted here." in run.message
    assert ResourceState.objects.get().deletions_cursor == before
    approved = services.approve(run)
    run = run_sync(ledger, "contacts", run=approved)
    assert (run.state, run.deleted, len(gone_here())) == ("succeeded", 9, 9)


def test_a_record_made_anew_after_its_deletion_stays(ledger, vendor, feed):
    loaded(vendor, ledger)
    vendor.lists("/deleted", [tombstone(1, "2020-01-01T00:00:00Z")])
    ResourceState.objects.update(deletions_cursor="2019-01-01T00:00:00+00:00")
    assert (run_sync(ledger, "contacts").deleted, gone_here()) == (0, set())


@pytest.mark.parametrize(
    "faults",
    [
        [Reply({}, 500)],
        [Reply({}, 401)],
        [Reply({}, 404)],
        [Reply(b"", 304)],
        [Reply(b"<html>")],
        [Reply({"message": "no list"})],
        [Reply(b'{"items": [{"id": "c1"}')],
        [None, Reply({}, 500)],  # one page came
        [None, Reply({}, 429, {"Retry-After": "600"})],
    ],
)
def test_a_list_that_was_not_read_whole_deletes_nothing_and_is_read_again(ledger, vendor, feed, faults):
    loaded(vendor, ledger)
    before = ResourceState.objects.get().deletions_cursor
    vendor.lists("/deleted", [tombstone(n) for n in range(3)])
    vendor.faults = [None, *faults]  # the contacts themselves come
    run_sync(ledger, "contacts")
    assert gone_here() == set()
    assert ResourceState.objects.get().deletions_cursor == before
    Connection.objects.update(status="connected")
    vendor.faults = []
    assert run_sync(ledger, "contacts").deleted == 3


def test_a_list_without_times_is_read_whole_each_time(ledger, vendor, monkeypatch):
    declare(monkeypatch, contacts={"deletes": Tombstones(path="/deleted", records="items")})
    loaded(vendor, ledger)
    vendor.lists("/deleted", [{"id": "c1"}, {"id": None}, {"id": ["c2"]}, "c3"])
    assert (run_sync(ledger, "contacts").deleted, gone_here()) == (1, {"c1"})
    assert "since" not in vendor.asked[-1].query


def test_a_sparse_record_in_the_list_is_a_tombstone(ledger, vendor, monkeypatch):
    declare(monkeypatch, staff={"deletes": Tombstones(field="@removed")})
    vendor.lists("/staff", [person(1), person(2)])
    run_sync(ledger, "staff")
    vendor.lists("/staff", [{"id": "p1", "@removed": {"reason": "deleted"}}, person(2)])
    run = run_sync(ledger, "staff")
    assert (run.deleted, run.quarantined, gone_here(), Member.objects.count()) == (1, 0, {"p1"}, 2)
    vendor.lists("/staff", [person(1), person(2)])
    run_sync(ledger, "staff")
    assert gone_here() == set()


def unchanged(state):
    """Neither a link nor the place in the list has moved."""
    now = ResourceState.objects.get()
    return gone_here() == set() and (now.deletions_cursor, now.position, now.cursor) == (
        state.deletions_cursor,
        state.position,
        state.cursor,
    )


def test_a_plan_counts_and_shows_what_the_list_of_deletions_names_and_deletes_nothing(ledger, vendor, feed):
    loaded(vendor, ledger)
    before = ResourceState.objects.get()
    vendor.lists("/deleted", [tombstone(1), tombstone(2), tombstone(3), tombstone(999)])
    run = run_sync(ledger, "contacts", plan_only=True)
    assert (run.state, run.deleted, run.plan["counts"]["deleted"], run.plan["why"]) == ("planned", 3, 3, "asked")
    shown = [(one["key"], one["name"]) for one in run.plan["samples"]["delete"]]
    assert shown == [(f"c{n}", f"Contact {n}") for n in (1, 2, 3)]
    assert (run.plan["gone"], run.plan["notes"]) == (0, [])
    assert "3 would be deleted there" in run.message
    assert unchanged(before)
    assert run_sync(ledger, "contacts").deleted == 3, "as planned"


def test_a_plan_tells_a_record_made_anew_from_one_that_is_gone(ledger, vendor, feed):
    loaded(vendor, ledger)
    RecordLink.objects.update(first_seen="2019-01-01T00:00:00Z", last_changed="2019-01-01T00:00:00Z")
    ResourceState.objects.update(deletions_cursor="2019-01-01T00:00:00+00:00")
    vendor.lists("/contacts", [contact(1, phone="9"), contact(2)])
    vendor.lists("/deleted", [tombstone(n, "2020-01-01T00:00:00Z") for n in (1, 2)])
    run = run_sync(ledger, "contacts", plan_only=True, full=True)
    assert [one["key"] for one in run.plan["samples"]["delete"]] == ["c2"]
    done = run_sync(ledger, "contacts", full=True)
    assert (run.plan["counts"]["deleted"], done.deleted, gone_here()) == (1, 1, {"c2"})


def test_a_plan_says_where_the_list_of_deletions_is_beyond_the_brake(ledger, vendor, feed):
    loaded(vendor, ledger)
    before = ResourceState.objects.get()
    vendor.lists("/deleted", [tombstone(n) for n in range(30)])
    run = run_sync(ledger, "contacts", plan_only=True)
    (note,) = run.plan["notes"]
    assert note == "30 of 40 were deleted there, more than 20%: these are deleted here only if somebody approves it."
    assert (run.plan["counts"]["deleted"], len(run.plan["samples"]["delete"])) == (30, 20)
    assert unchanged(before)
    approved = run_sync(ledger, "contacts", run=services.approve(run))
    assert (approved.deleted, len(gone_here())) == (30, 30)


def test_deletions_count_towards_what_a_person_is_asked_about(ledger, vendor, feed, settings):
    settings.PLAN_ABOVE_RECORDS, settings.PLAN_ABOVE_PERCENT = 5, 10
    loaded(vendor, ledger)
    before = ResourceState.objects.get()
    vendor.lists("/contacts", [contact(n, phone="9") for n in range(3)])
    vendor.lists("/deleted", [tombstone(n) for n in range(20, 23)])
    plan = run_sync(ledger, "contacts", plan_only=True, full=True)
    assert (plan.plan["why"], plan.plan["counts"]["updated"], plan.plan["counts"]["deleted"]) == ("large", 3, 3)
    assert unchanged(before)
    SyncRun.objects.filter(pk=plan.pk).delete()
    run = run_sync(ledger, "contacts", full=True)
    assert (run.state, run.updated, run.deleted, gone_here()) == ("planned", 3, 0, set())
    assert "3 of 40 were deleted there, which together with what changed is more than" in run.message
    assert (run.plan["why"], run.plan["counts"]["deleted"]) == ("deletes", 3)
    assert [one["name"] for one in run.plan["samples"]["delete"]] == ["Contact 20", "Contact 21", "Contact 22"]
    assert ResourceState.objects.get().deletions_cursor == before.deletions_cursor
    approved = run_sync(ledger, "contacts", run=services.approve(run))
    assert (approved.state, gone_here()) == ("succeeded", {"c20", "c21", "c22"})


def test_a_large_change_is_planned_with_the_deletions_behind_it(ledger, vendor, feed, settings):
    settings.PLAN_ABOVE_RECORDS, settings.PLAN_ABOVE_PERCENT = 2, 5
    loaded(vendor, ledger)
    vendor.lists("/contacts", [contact(n, phone="9") for n in range(10)])
    vendor.lists("/deleted", [tombstone(30)])
    run = run_sync(ledger, "contacts", full=True)
    assert (run.state, run.plan["why"], run.deleted, gone_here()) == ("planned", "large", 0, set())
    assert (run.plan["counts"]["updated"], run.plan["counts"]["deleted"]) == (10, 1)
    assert "10 changed and 1 deleted are not written yet" in run.message


def test_one_chapters_deletions_are_not_the_others(vendor, sydney, melbourne, feed):
    for chapter in (sydney, melbourne):
        with hub.enter(chapter):
            loaded(vendor, connect())
    vendor.lists("/deleted", [tombstone(1)])
    with hub.enter(sydney):
        run_sync(Connection.objects.get(), "contacts")
        assert gone_here() == {"c1"}
    with hub.enter(melbourne):
        assert gone_here() == set()
        assert SyncRun.objects.get().finished_at < timezone.now()
