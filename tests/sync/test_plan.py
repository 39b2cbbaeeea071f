"""What a run would do is shown before it does it; a first read and a large change wait for a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import orjson
import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from finance.models import Invoice, Party
from integrations import hub, registry
from integrations.changes.models import Change
from integrations.conflicts.models import Conflict
from integrations.connections.models import Connection
from integrations.mapping.services import save_field_rules
from integrations.provider import FullComparison, RateLimited
from integrations.sync import decisions, pull, services, waiting
from integrations.sync import plan as plans
from integrations.sync.engine import run_sync
from integrations.sync.models import PlannedKey, QuarantinedRecord, RecordLink, ResourceState, SyncRun
from members.models import Audience, Member

from . import testbook
from .conftest import connect
from .test_resume import Work
from .test_services import carry_out, jobs
from .testbook import contact, invoice, person
from .vendor import Reply

pytestmark = [pytest.mark.django_db, pytest.mark.services]


@pytest.fixture
def careful(ledger):
    """The connection as people make it: its first reads are planned."""
    Connection.objects.filter(pk=ledger.pk).update(plan_first=True)
    ledger.refresh_from_db()
    return ledger


def work_off():
    """Every queued job is carried out, those that wait for another a little later."""
    for _ in range(4):
        for job in list(jobs(state="ready")):
            try:
                carry_out(job)
            except Exception as pause:
                if type(pause).__name__ != "Retry":
                    raise
                jobs(pk=job.pk).update(state="ready")


def nothing_is_written():
    """Nor has any of this test's runs told the feed of a change."""
    return not (
        Party.objects.exists()
        or RecordLink.objects.exists()
        or QuarantinedRecord.objects.exists()
        or Change.objects.filter(changeset__run_id__in=SyncRun.objects.values("pk")).exists()
        or Conflict.objects.exists()
    )


def fields(sample):
    return {change["field"]: (change["ours"], change["theirs"]) for change in sample["changes"]}


# --- what a plan says -------------------------------------------------------------------------------------------------


def test_a_plan_shows_what_is_new_and_what_changes_field_by_field(ledger, vendor):
    records = [contact(n) for n in range(3)]
    vendor.lists("/contacts", records)
    run_sync(ledger, "contacts")
    records[0] |= {"phone": "02 9000", "status": "OLD"}
    records.append(contact(3))
    before = Change.objects.count()
    run = run_sync(ledger, "contacts", plan_only=True, full=True)
    assert Change.objects.count() == before
    assert run.plan["counts"] | {"why": run.plan["why"]} == {
        "created": 1, "updated": 1, "unchanged": 2, "deleted": 0, "quarantined": 0, "held": 0, "conflicts": 0, "why": "asked",
    }  # fmt: skip
    (made,), (changed,) = run.plan["samples"]["create"], run.plan["samples"]["update"]
    assert (made["key"], made["name"], made["record"]) == ("c3", "Contact 3", "")
    assert fields(made)["email"] == ("", "c3@example.com")
    assert (changed["key"], changed["name"]) == ("c0", "Contact 0")
    assert changed["record"] == str(Party.objects.get(name="Contact 0").pk)
    assert fields(changed) == {"phone": ("", "02 9000"), "status": ("active", "archived")}


def test_money_has_its_currency_and_references_their_names(ledger, vendor):
    vendor.lists("/contacts", [contact(1), contact(2)])
    vendor.lists("/invoices", [invoice(1)])
    run_sync(ledger, "contacts")
    run_sync(ledger, "invoices")
    changed = invoice(1, contact={"id": "c2"}, total=1234.5, subtotal=1234.5, due=1234.5)
    changed["lines"] = changed["lines"][:1]
    vendor.lists("/invoices", [changed])
    run = run_sync(ledger, "invoices", plan_only=True)
    (sample,) = run.plan["samples"]["update"]
    assert fields(sample)["total"] == ("20.00 AUD", "1,234.50 AUD")
    assert fields(sample)["party"] == ("Contact 1", "Contact 2")
    assert fields(sample)["lines"] == ("2 rows", "1 rows")
    assert Invoice.objects.get().total_minor == 2000


def test_a_plan_counts_what_a_complete_read_would_delete(ledger, vendor):
    vendor.lists("/offsets", [contact(n) for n in range(40)])
    run_sync(ledger, "offsets")
    vendor.lists("/offsets", [contact(n) for n in range(3, 40)])
    run = run_sync(ledger, "offsets", plan_only=True)
    assert (run.deleted, run.plan["gone"], run.plan["counts"]["deleted"]) == (3, 3, 3)
    assert [one["name"] for one in run.plan["samples"]["delete"]] == ["Contact 0", "Contact 1", "Contact 2"]
    assert "3 would be deleted there" in run.message
    assert set(RecordLink.objects.values_list("state", flat=True)) == {"active"}
    assert not PlannedKey.objects.exists()


def test_what_is_left_alone_and_what_is_set_aside_is_counted_with_its_reason(ledger, vendor):
    vendor.lists("/staff", [person(n) for n in range(6)])
    run_sync(ledger, "staff")
    RecordLink.objects.filter(external_id="p1").update(state="unlinked")
    deleted = RecordLink.objects.get(external_id="p2")
    RecordLink.objects.filter(pk=deleted.pk).update(state="remote_deleted")
    Member.objects.filter(pk=deleted.record_id).delete()
    shown = [person(n) for n in range(6)]
    shown[2]["gone"] = shown[3]["gone"] = True
    shown[4]["email"] = shown[5]["email"] = "nowhere"
    vendor.lists("/staff", shown)
    run = run_sync(ledger, "staff", plan_only=True)
    assert run.plan["skipped"] == {"unlinked": 1, "deleted_on_both_sides": 1}
    assert [one["key"] for one in run.plan["samples"]["delete"]] == ["p3"]
    (reason,) = run.plan["reasons"]
    assert (reason["field"], reason["count"]) == ("email", 2)
    assert {one["key"] for one in run.plan["samples"]["aside"]} == {"p4", "p5"}
    assert not QuarantinedRecord.objects.exists()


def test_samples_are_few_and_a_plan_is_never_large(ledger, vendor, monkeypatch):
    monkeypatch.setattr(plans, "LARGEST", 6_000)
    vendor.lists("/contacts", [contact(n, name="N" * 400 + str(n)) for n in range(60)])
    run = run_sync(ledger, "contacts", plan_only=True)
    run.refresh_from_db()
    assert 0 < len(run.plan["samples"]["create"]) < 20
    assert len(orjson.dumps(run.plan)) <= 6_000
    assert run.plan["counts"]["created"] == 60


def test_the_number_of_queries_of_a_plan_does_not_grow_with_its_records(ledger, vendor, monkeypatch):
    monkeypatch.setattr(pull, "MOST_PAGES", 1_000)

    def queries(count):
        vendor.lists("/contacts", [contact(n) for n in range(count)])
        with CaptureQueriesContext(database) as found:
            assert run_sync(ledger, "contacts", plan_only=True).created == count
        return len(found)

    queries(1)
    assert queries(300) <= queries(3)


def test_a_plan_of_what_is_also_sent_says_what_no_undo_takes_back(ledger, vendor):
    vendor.lists("/contacts", [contact(1)])
    assert run_sync(ledger, "contacts", plan_only=True).plan["irreversible"] == []
    ResourceState.objects.update(sends=True)
    (said,) = run_sync(ledger, "contacts", plan_only=True).plan["irreversible"]
    assert "contacts are also sent" in said


# --- a first read -----------------------------------------------------------------------------------------------------


def test_the_first_read_is_planned_and_waits(careful, vendor):
    vendor.lists("/contacts", [contact(1), contact(2, status="LOST")])
    services.request_sync(careful, "contacts")
    work_off()
    run = SyncRun.objects.get()
    assert (run.state, run.plan_only, run.plan["why"], run.created, run.quarantined) == ("planned", True, "first", 1, 1)
    assert nothing_is_written()
    assert waiting.runs(careful) == [run]


def test_what_is_approved_is_carried_out_and_later_reads_need_nobody(careful, vendor, django_user_model):
    ann = django_user_model.objects.create(username="ann")
    vendor.lists("/contacts", [contact(1)])
    plan = run_sync(careful, "contacts")
    services.approve(plan, user=ann)
    work_off()
    plan.refresh_from_db()
    assert (plan.state, plan.decision, plan.decided_by, plan.message) == (
        "succeeded", "approved", ann, "1 read: 1 would be new. Approved.",
    )  # fmt: skip
    assert Party.objects.get().name == "Contact 1"
    vendor.lists("/contacts", [contact(1), contact(2)])
    run = run_sync(careful, "contacts", full=True)
    assert (run.state, run.created) == ("succeeded", 1)


def test_an_approved_read_that_failed_on_its_way_is_not_asked_about_again(careful, vendor):
    vendor.lists("/contacts", [contact(1)])
    services.approve(run_sync(careful, "contacts"))
    SyncRun.objects.filter(approved=True).update(state="failed")
    jobs().delete()
    assert run_sync(careful, "contacts").state == "succeeded"


def test_a_rejected_plan_writes_nothing_and_the_schedule_leaves_the_resource_alone(careful, vendor):
    vendor.lists("/contacts", [contact(1)])
    plan = decisions.reject(run_sync(careful, "contacts"))
    assert (plan.state, plan.decision) == ("cancelled", "rejected")
    assert services.next_run(careful, testbook.provider.resource("contacts"), 1) is None
    assert nothing_is_written()
    services.request_sync(careful, "contacts")  # a person asks: planned again
    work_off()
    assert SyncRun.objects.filter(state="planned").count() == 1


def test_a_schedule_does_not_plan_again_while_a_plan_waits_until_that_is_old(careful, vendor):
    contacts = testbook.provider.resource("contacts")
    vendor.lists("/contacts", [contact(1)])
    plan = run_sync(careful, "contacts")
    assert services.next_run(careful, contacts, 1) is None
    SyncRun.objects.filter(pk=plan.pk).update(finished_at=timezone.now() - timedelta(days=8))
    plan.refresh_from_db()
    assert "older than seven days" in decisions.stale(plan)
    again = services.next_run(careful, contacts, 1)
    assert again is not None
    run_sync(careful, "contacts", run=again)
    plan.refresh_from_db()
    assert (plan.state, plan.decision, again.state) == ("cancelled", "replaced", "planned")


def test_a_plan_somebody_asked_for_stops_no_schedule_and_says_when_it_is_stale(ledger, vendor):
    vendor.lists("/contacts", [contact(1)])
    plan = run_sync(ledger, "contacts", plan_only=True)
    assert (decisions.stale(plan), plan.plan["why"]) == ("", "asked")
    assert services.next_run(ledger, testbook.provider.resource("contacts"), 1) is not None
    SyncRun.objects.filter(state="queued").delete()
    run_sync(ledger, "contacts")
    assert "Records have changed since this plan was made" in decisions.stale(plan)


def test_what_lives_inside_another_is_planned_with_it_and_approved_after_it(careful, vendor):
    vendor.lists("/lists", [{"id": "news", "name": "News"}, {"id": "jobs", "name": "Jobs"}])
    vendor.lists("/lists/news/people", [person(1), person(2)])
    vendor.lists("/lists/jobs/people", [person(3)])
    for name in ("lists", "people"):
        services.request_sync(careful, name)
    work_off()
    lists, people = (SyncRun.objects.get(resource=name) for name in ("lists", "people"))
    assert (lists.plan["counts"]["created"], people.plan["counts"]["created"]) == (2, 3)
    with pytest.raises(decisions.NotYet, match="Approve Lists first"):
        services.approve(people)
    waiting.approve_all(careful)
    work_off()
    assert (Audience.objects.count(), Member.objects.count()) == (2, 3)
    assert not PlannedKey.objects.exists()
    assert not waiting.runs(careful)


def test_everything_of_a_connection_is_rejected_at_once(careful, vendor):
    vendor.lists("/contacts", [contact(1)])
    vendor.lists("/offsets", [contact(2)])
    run_sync(careful, "contacts")
    run_sync(careful, "offsets")
    assert len(waiting.reject_all(careful)) == 2
    assert not waiting.runs(careful)
    assert nothing_is_written()


def test_one_chapters_plans_are_not_the_others(careful, vendor, melbourne):
    vendor.lists("/contacts", [contact(1)])
    run_sync(careful, "contacts")
    chapter = hub.current()
    database.set_schema_to_public()
    with hub.enter(melbourne):
        assert waiting.runs(Connection.objects.get()) == []
        assert not SyncRun.objects.exists()
    database.set_tenant(chapter)


def test_an_interrupted_first_plan_begins_again_and_counts_once(careful, vendor, monkeypatch):
    monkeypatch.setattr(pull, "MOST_PAGES", 1)
    vendor.lists("/offsets", [contact(n) for n in range(6)])
    vendor.faults = [None, Reply({}, 429, {"Retry-After": "1"})]
    run = SyncRun.objects.create(connection=careful, resource="offsets")
    with pytest.raises(RateLimited):
        run_sync(careful, "offsets", run=run, work=Work())
    assert PlannedKey.objects.count() == 2
    run = run_sync(careful, "offsets", run=SyncRun.objects.get(), work=Work())
    assert (run.state, run.fetched, run.plan["counts"]["created"], run.deleted) == ("planned", 6, 6, 0)


# --- a large change ---------------------------------------------------------------------------------------------------


@pytest.fixture
def few_are_many(settings):
    settings.PLAN_ABOVE_RECORDS, settings.PLAN_ABOVE_PERCENT = 4, 25


def changed(count, of=20):
    return [contact(n, **({"phone": "1"} if n < count else {})) for n in range(of)]


def test_what_changes_more_than_both_limits_is_held_and_shown_whole(ledger, vendor, few_are_many, monkeypatch):
    vendor.lists("/contacts", changed(0))
    run_sync(ledger, "contacts")
    vendor.lists("/contacts", changed(5))
    assert run_sync(ledger, "contacts", full=True).state == "succeeded"  # a quarter of twenty
    monkeypatch.setattr(pull, "MOST_PAGES", 1)  # three records
    vendor.lists("/contacts", [contact(n, phone="2") for n in range(20)])
    run = run_sync(ledger, "contacts", full=True)
    assert (run.state, run.plan["why"], run.updated, run.fetched) == ("planned", "large", 3, 20)
    assert run.plan["counts"]["updated"] == 17
    assert (run.plan["linked"], run.plan["limit"]) == (20, 5)
    assert "17 changed and 0 deleted are not written yet" in run.message
    assert Party.objects.filter(phone="2").count() == 3
    assert services.next_run(ledger, testbook.provider.resource("contacts"), 1) is None
    services.approve(run)
    work_off()
    newest = SyncRun.objects.latest("created_at")
    assert (newest.state, newest.updated, newest.approved) == ("succeeded", 17, True)
    assert Party.objects.filter(phone="2").count() == 20


def test_what_was_written_before_the_limit_is_followed_up_and_what_is_only_planned_is_not(
    ledger, vendor, few_are_many, monkeypatch
):
    second = connect("Second")
    ResourceState.objects.create(connection=second, resource="links", sends=True)
    looks = jobs(key=f"{second.pk}:links:send")
    vendor.lists("/contacts", changed(0))
    vendor.lists("/invoices", [invoice(21)])
    run_sync(ledger, "contacts")
    run_sync(ledger, "invoices")
    looks.delete()
    monkeypatch.setattr(pull, "MOST_PAGES", 1)  # three records
    vendor.lists("/contacts", [contact(21), *(contact(n, phone="2") for n in range(20))])
    run_sync(ledger, "contacts", full=True, plan_only=True)
    assert (looks.count(), Invoice.objects.get().party) == (0, None)
    run = run_sync(ledger, "contacts", full=True)
    assert (run.state, run.created, run.updated) == ("planned", 1, 5)
    assert (looks.count(), Invoice.objects.get().party.name) == (1, "Contact 21")


def test_a_changed_mapping_falls_under_the_same_limit(ledger, vendor, few_are_many):
    vendor.lists("/contacts", [contact(n, mobile="7") for n in range(20)])
    run_sync(ledger, "contacts")
    save_field_rules(ledger, "contacts", {"phone": {"source": "mobile"}})
    run = run_sync(ledger, "contacts")
    assert (run.state, run.plan["why"], run.plan["counts"]["updated"]) == ("planned", "large", 20)
    assert not Party.objects.filter(phone="7").exists()
    services.approve(run)
    work_off()
    assert Party.objects.filter(phone="7").count() == 20


def test_a_worker_that_dies_beyond_the_limit_goes_on_planning(ledger, vendor, few_are_many, monkeypatch):
    vendor.lists("/contacts", changed(0))
    run_sync(ledger, "contacts")
    monkeypatch.setattr(pull, "MOST_PAGES", 1)
    vendor.lists("/contacts", [contact(n, phone="2") for n in range(20)])
    vendor.faults = [None, None, None, Reply({}, 429, {"Retry-After": "1"})]
    run = SyncRun.objects.create(connection=ledger, resource="contacts", full=True)
    with pytest.raises(RateLimited):
        run_sync(ledger, "contacts", run=run, work=Work())
    assert SyncRun.objects.get(pk=run.pk).plan["why"] == "large"
    run = run_sync(ledger, "contacts", run=SyncRun.objects.get(pk=run.pk), work=Work())
    assert (run.state, run.updated, run.plan["counts"]["updated"], run.fetched) == ("planned", 3, 17, 20)
    assert Party.objects.filter(phone="2").count() == 3


def test_changes_and_deletes_count_together(ledger, vendor, few_are_many, monkeypatch):
    resources = [
        replace(one, deletes=FullComparison(brake=1)) if one.name == "offsets" else one
        for one in testbook.provider.resources
    ]
    provider = replace(testbook.provider, resources=tuple(resources))
    monkeypatch.setattr(registry, "all_providers", lambda: {"testbook": provider})
    vendor.lists("/offsets", changed(0))
    run_sync(ledger, "offsets")
    vendor.lists("/offsets", changed(3)[:17])  # three changed, three gone: six of twenty
    run = run_sync(ledger, "offsets")
    assert (run.state, run.plan["why"], run.updated, run.deleted, run.plan["gone"]) == ("planned", "deletes", 3, 0, 3)
    assert [one["name"] for one in run.plan["samples"]["delete"]] == ["Contact 17", "Contact 18", "Contact 19"]
    rejected = decisions.reject(run)
    assert (rejected.state, rejected.decision) == ("succeeded", "rejected")
    assert set(RecordLink.objects.values_list("state", flat=True)) == {"active"}


def test_a_first_read_without_a_plan_that_matches_many_of_ours_waits_too(ledger, vendor, few_are_many):
    for n in range(10):
        Party.objects.create(name=f"Contact {n}", email=f"c{n}@example.com", given_name="Ada", number=str(n))
    vendor.lists("/contacts", [{**contact(n, phone="1"), "number": str(n)} for n in range(10)])
    run = run_sync(ledger, "contacts")
    assert (run.state, run.plan["counts"]["updated"]) == ("planned", 10)


def test_a_run_interrupted_beyond_the_limit_for_too_long_begins_anew(ledger, vendor, few_are_many, monkeypatch):
    vendor.lists("/contacts", changed(0))
    run_sync(ledger, "contacts")
    vendor.lists("/contacts", [contact(n, phone="2") for n in range(20)])
    run = run_sync(ledger, "contacts", full=True)
    ResourceState.objects.update(position=None)
    again = run_sync(ledger, "contacts", full=True)
    run.refresh_from_db()
    assert (run.decision, again.state, again.plan["counts"]["updated"]) == ("replaced", "planned", 20)


def test_melbourne_has_limits_of_its_own_records(vendor, sydney, melbourne, settings):
    settings.PLAN_ABOVE_RECORDS = 1
    for chapter, size in ((sydney, 40), (melbourne, 2)):
        with hub.enter(chapter):
            made = connect("Other")
            vendor.lists("/contacts", [contact(n) for n in range(size)])
            run_sync(made, "contacts")
            vendor.lists("/contacts", [contact(n, phone="1") for n in range(2)])
            state = run_sync(made, "contacts", full=True).state
            assert state == ("succeeded" if chapter == sydney else "planned")
