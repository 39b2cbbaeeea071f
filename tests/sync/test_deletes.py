"""What goes away there, and what that means here."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from finance.models import Party
from integrations import registry
from integrations.sync import positions
from integrations.sync.engine import run_sync
from integrations.sync.models import RecordLink, ResourceState, SeenKey, SyncRun
from members.models import Member, Tag

from . import testbook
from .testbook import contact, person
from .vendor import Reply

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def states():
    found = RecordLink.objects.order_by("external_id").values_list("external_id", "state")
    return {key: state for key, state in found if state != "active"}


def tags(vendor, *numbers):
    vendor.routes["/tags"] = lambda asked: Reply([{"name": f"t{n}", "size": n} for n in numbers])


def test_a_record_that_says_it_is_gone_keeps_its_row(ledger, vendor):
    people = [person(n) for n in range(3)]
    vendor.lists("/staff", people)
    run_sync(ledger, "staff")
    people[1].update(gone=True, phone="last")
    people[2] = {"id": "p2", "gone": True}  # some vendors leave nothing else
    run = run_sync(ledger, "staff")
    assert (run.state, run.deleted, run.unchanged, run.quarantined) == ("succeeded", 2, 1, 0), run.message
    assert states() == {"p1": "remote_deleted", "p2": "remote_deleted"}
    assert Member.objects.count() == 3
    assert Member.objects.get(display_name="Person 1").phone == "last"
    assert Member.objects.get(display_name="Person 2").email == "p2@example.com"
    again = run_sync(ledger, "staff")
    assert (again.deleted, again.unchanged) == (0, 3)


def test_a_record_that_was_gone_before_it_came_is_not_made(ledger, vendor):
    vendor.lists("/staff", [person(1, gone=True), {"id": "p9", "gone": True}])
    run = run_sync(ledger, "staff")
    assert (run.created, run.unchanged, Member.objects.count()) == (0, 2, 0)


def test_a_record_that_returns_is_linked_again(ledger, vendor):
    people = [person(1)]
    vendor.lists("/staff", people)
    run_sync(ledger, "staff")
    people[0]["gone"] = True
    run_sync(ledger, "staff")
    people[0]["gone"] = False
    run = run_sync(ledger, "staff")
    assert (run.unchanged, states()) == (1, {})
    assert Member.objects.count() == 1


def test_what_is_deleted_on_both_sides_is_not_made_again(ledger, vendor):
    people = [person(1), person(2)]
    vendor.lists("/staff", people)
    run_sync(ledger, "staff")
    Member.objects.get(display_name="Person 1").delete()
    people[0].update(gone=True, phone="last")
    run = run_sync(ledger, "staff")
    assert (run.deleted, run.created, run.updated, run.unchanged) == (1, 0, 0, 1)
    assert list(Member.objects.values_list("display_name", flat=True)) == ["Person 2"]
    assert states() == {"p1": "remote_deleted"}


def test_deletes_that_wait_do_not_make_every_read_a_complete_one(ledger, vendor):
    tags(vendor, *range(40))
    run_sync(ledger, "tags")
    tags(vendor, 1)
    waiting = run_sync(ledger, "tags")
    SyncRun.objects.exclude(pk=waiting.pk).delete()
    state = ResourceState.objects.get()
    assert not positions._comparison_is_due(state, testbook.provider.resource("tags"))


def test_what_a_complete_read_no_longer_shows_is_gone(ledger, vendor):
    tags(vendor, *range(40))
    run_sync(ledger, "tags")
    tags(vendor, *range(1, 39))
    run = run_sync(ledger, "tags")
    assert (run.deleted, run.unchanged, run.fetched) == (2, 38, 38)
    assert states() == {"t0": "remote_deleted", "t39": "remote_deleted"}
    assert Tag.objects.count() == 40
    assert not SeenKey.objects.exists()
    tags(vendor, *range(40))
    assert run_sync(ledger, "tags").unchanged == 40
    assert states() == {}


@pytest.mark.parametrize("plan_only", [False, True])
def test_what_was_linked_while_a_complete_read_was_under_way_is_not_missed_by_it(ledger, vendor, plan_only):
    tags(vendor, *range(30))
    run_sync(ledger, "tags")
    RecordLink.objects.filter(external_id="t0").update(first_seen=timezone.now() + timedelta(minutes=1))
    tags(vendor, *range(2, 30))
    run = run_sync(ledger, "tags", full=True, plan_only=plan_only)
    assert run.deleted == 1, run.message
    assert states() == ({} if plan_only else {"t1": "remote_deleted"})


def test_more_than_the_brake_deletes_nothing_until_somebody_approves(ledger, vendor):
    tags(vendor, *range(40))
    run_sync(ledger, "tags")
    tags(vendor, *range(37))
    run = run_sync(ledger, "tags")
    assert (run.state, run.deleted, states()) == ("planned", 0, {})
    assert "3 of 40 are no longer there, more than 5%: nothing was deleted" in run.message
    approved = SyncRun.objects.create(connection=ledger, resource="tags", approved=True)
    run = run_sync(ledger, "tags", run=approved)
    assert (run.deleted, len(states())) == (3, 3)


def test_an_empty_answer_does_not_empty_us(ledger, vendor):
    tags(vendor, *range(40))
    run_sync(ledger, "tags")
    tags(vendor)
    run = run_sync(ledger, "tags")
    assert (run.deleted, states()) == (0, {})
    assert "40 of 40" in run.message


@pytest.mark.parametrize(
    "fault", [Reply(b"", 304), Reply({}, 500), Reply(b"<html>"), Reply({"message": "no list"}), Reply(None)]
)
def test_an_answer_that_is_no_list_deletes_nothing(ledger, vendor, fault):
    vendor.lists("/offsets", [contact(n) for n in range(3)])
    run_sync(ledger, "offsets")
    vendor.lists("/offsets", [])
    vendor.faults = [fault]
    assert run_sync(ledger, "offsets").deleted == 0
    assert states() == {}


def test_a_record_without_a_key_makes_absence_uncertain(ledger, vendor):
    records = [contact(n) for n in range(40)]
    vendor.lists("/offsets", records)
    run_sync(ledger, "offsets")
    vendor.lists("/offsets", [*records[:38], contact(39, id=None)])
    run = run_sync(ledger, "offsets")
    assert (run.deleted, states()) == (0, {})
    assert "nothing was taken as deleted" in run.message


def test_a_quarantined_record_is_there_and_not_gone(ledger, vendor):
    records = [contact(n) for n in range(40)]
    vendor.lists("/offsets", records)
    run_sync(ledger, "offsets")
    records[3]["status"] = "LOST"
    run = run_sync(ledger, "offsets")
    assert (run.quarantined, run.deleted, states()) == (1, 0, {})


def test_an_interrupted_complete_read_still_knows_what_it_saw(ledger, vendor, monkeypatch):
    from integrations.sync import pull

    monkeypatch.setattr(pull, "MOST_PAGES", 2)
    records = [contact(n) for n in range(40)]
    vendor.lists("/offsets", records)
    run_sync(ledger, "offsets")
    del records[5]
    vendor.faults = [*[None] * 10, Reply({}, 500)]
    assert run_sync(ledger, "offsets").state == "failed"
    assert SeenKey.objects.count() == 20
    vendor.asked.clear()
    run = run_sync(ledger, "offsets")
    assert vendor.asked[0].query["offset"] == "20"
    assert (run.state, run.deleted, states()) == ("succeeded", 1, {"c5": "remote_deleted"})
    assert Party.objects.count() == 40


def test_a_short_read_is_still_short_for_the_run_that_ends_it(ledger, vendor, monkeypatch):
    from dataclasses import replace

    from integrations.sync import pull

    offsets = testbook.provider.resource("offsets")
    counted = replace(offsets, pages=replace(offsets.pages, total="total"))
    provider = replace(testbook.provider, resources=(counted,))
    monkeypatch.setattr(registry, "all_providers", lambda: {"testbook": provider})
    records = [contact(n) for n in range(40)]
    vendor.lists("/offsets", records)
    run_sync(ledger, "offsets")
    page = vendor.routes["/offsets"]
    del records[7]
    vendor.routes["/offsets"] = lambda asked: Reply(page(asked).body | {"total": 40})
    with monkeypatch.context() as broken, pytest.raises(ZeroDivisionError):
        broken.setattr(pull.ending.refs, "settle", lambda connection: 1 / 0)
        run_sync(ledger, "offsets")
    SyncRun.objects.filter(state="running").update(state="failed")
    run = run_sync(ledger, "offsets")
    assert (run.deleted, states()) == (0, {})
    assert "Not everything was seen" in run.message


def test_what_is_shown_again_to_the_next_worker_counts_once(ledger, vendor, monkeypatch):
    from integrations.sync import pull

    monkeypatch.setattr(pull, "MOST_RECORDS", 15)
    tags(vendor, *range(20))
    plain, batches = pull.apply, []

    def die_in_the_second(*args, **more):
        batches.append(args)
        return plain(*args, **more) if len(batches) != 2 else 1 / 0

    monkeypatch.setattr(pull, "apply", die_in_the_second)
    with pytest.raises(ZeroDivisionError):
        run_sync(ledger, "tags")
    position = ResourceState.objects.get().position
    assert (position["count"], position["place"], Tag.objects.count()) == (0, {}, 15)
    assert run_sync(ledger, "tags").state == "succeeded"


def test_an_incremental_read_says_nothing_about_what_is_gone(ledger, vendor, monkeypatch):
    """A resource with a cursor is compared when it is read completely: once a day, or when somebody asks."""
    from dataclasses import replace

    from integrations.provider import FullComparison

    changed = [
        replace(one, deletes=FullComparison(brake=1)) if one.name == "contacts" else one
        for one in testbook.provider.resources
    ]
    provider = replace(testbook.provider, resources=tuple(changed))
    monkeypatch.setattr(registry, "all_providers", lambda: {"testbook": provider})
    records = [contact(n) for n in range(6)]
    vendor.lists("/contacts", records)
    assert run_sync(ledger, "contacts").full
    del records[0]
    run = run_sync(ledger, "contacts")
    assert (run.full, run.deleted) == (False, 0)
    SyncRun.objects.update(finished_at="2020-01-01T00:00:00Z")
    run = run_sync(ledger, "contacts")
    assert (run.full, run.deleted, states()) == (True, 1, {"c0": "remote_deleted"})
