"""A complete read that somebody asks for begins after they asked; what goes on by itself goes on where it stopped."""

from __future__ import annotations

import pytest

from finance.models import Party
from integrations import hub
from integrations.connections.models import Connection
from integrations.sync import pull, services
from integrations.sync.engine import run_sync
from integrations.sync.models import ResourceState, SyncRun

from . import testbook
from .conftest import connect
from .test_services import carry_out, claim, jobs, work_on_the_next
from .testbook import contact
from .vendor import Reply

pytestmark = [pytest.mark.django_db, pytest.mark.services]


@pytest.fixture
def interrupted(ledger, vendor, monkeypatch):
    """A complete read of eight that failed after its first page; what was read by then has changed since."""
    monkeypatch.setattr(pull, "MOST_PAGES", 1)
    vendor.lists("/contacts", [contact(n) for n in range(8)])
    vendor.faults = [None, Reply({}, 500)]
    assert run_sync(ledger, "contacts", full=True).state == "failed"
    vendor.lists("/contacts", [contact(n, phone="2") for n in range(8)])
    vendor.asked.clear()
    return ledger


def asked_pages(vendor):
    return [one.query["page"] for one in vendor.asked]


def newer():
    return Party.objects.filter(phone="2").count()


def test_a_complete_read_that_is_asked_for_begins_after_the_asking(interrupted, vendor):
    (run,) = services.request_sync(interrupted, "contacts", full=True)
    assert ResourceState.objects.get().position is None
    carry_out(jobs().get())
    run.refresh_from_db()
    assert (asked_pages(vendor), run.fetched, newer()) == (["1", "2", "3"], 8, 8)


def test_what_goes_on_by_itself_goes_on_where_it_stopped(interrupted, vendor, monkeypatch):
    """A schedule's run, interrupted once more, and its continuation; then one that was asked for, and its continuation."""
    vendor.faults = [None, Reply({}, 503)]
    (run,) = services.request_sync(interrupted, "contacts", trigger=SyncRun.Trigger.SCHEDULE)
    work_on_the_next()
    work_on_the_next()
    run.refresh_from_db()
    assert (run.state, asked_pages(vendor), newer()) == ("succeeded", ["2", "3", "3"], 5)
    vendor.asked.clear()
    vendor.faults = [None, None, Reply({}, 503)]
    (run,) = services.request_sync(interrupted, "contacts", full=True)
    work_on_the_next()
    work_on_the_next()
    run.refresh_from_db()
    assert (run.state, asked_pages(vendor), newer()) == ("succeeded", ["1", "2", "3", "3"], 8)


def test_a_queued_run_that_somebody_wants_complete_begins_anew_too(interrupted, vendor):
    (queued,) = services.request_sync(interrupted, "contacts", trigger=SyncRun.Trigger.SCHEDULE)
    assert ResourceState.objects.get().position is not None
    (run,) = services.request_sync(interrupted, "contacts", full=True)
    carry_out(jobs().get())
    assert (run.pk, asked_pages(vendor), newer()) == (queued.pk, ["1", "2", "3"], 8)


@pytest.mark.parametrize(("trigger", "first"), [("person", "1"), ("api", "2")])
def test_a_read_that_pauses_begins_anew_for_a_person_and_goes_on_for_a_partner(
    ledger, vendor, monkeypatch, trigger, first
):
    """A partner may ask every night for what takes two."""
    monkeypatch.setattr(pull, "MOST_PAGES", 1)
    vendor.lists("/contacts", [contact(n) for n in range(8)])
    vendor.faults = [None, Reply({}, 429, {"Retry-After": "600"})]
    (run,) = services.request_sync(ledger, "contacts", full=True)
    work_on_the_next()
    assert services.request_sync(ledger, "contacts", full=True, trigger=trigger)[0].pk == run.pk
    vendor.asked.clear()
    work_on_the_next()
    run.refresh_from_db()
    assert (run.state, run.full, asked_pages(vendor)[0]) == ("succeeded", True, first)


def test_what_is_being_read_at_this_moment_is_finished(ledger, vendor, monkeypatch):
    monkeypatch.setattr(pull, "MOST_PAGES", 1)
    vendor.lists("/contacts", [contact(n) for n in range(8)])
    (run,) = services.request_sync(ledger, "contacts", full=True)
    working = claim(jobs().get())
    run_sync(
        ledger, "contacts", run=run, work=working,
        progress=lambda _: services.request_sync(ledger, "contacts", full=True),
    )  # fmt: skip
    run.refresh_from_db()
    assert (run.state, asked_pages(vendor), SyncRun.objects.count()) == ("succeeded", ["1", "2", "3"], 1)


def test_a_plan_takes_nothing_from_an_interrupted_read(interrupted, vendor):
    before = ResourceState.objects.get().position
    services.request_sync(interrupted, "contacts", full=True, plan_only=True)
    carry_out(jobs().get())
    assert ResourceState.objects.get().position == before


def test_an_approval_goes_on_where_the_limit_was_met(ledger, vendor, monkeypatch, settings):
    settings.PLAN_ABOVE_RECORDS, settings.PLAN_ABOVE_PERCENT = 4, 25
    vendor.lists("/contacts", [contact(n) for n in range(20)])
    run_sync(ledger, "contacts")
    monkeypatch.setattr(pull, "MOST_PAGES", 1)
    vendor.lists("/contacts", [contact(n, phone="2") for n in range(20)])
    plan = run_sync(ledger, "contacts", full=True)
    assert (plan.plan["why"], newer()) == ("large", 3)
    vendor.asked.clear()
    services.approve(plan)
    carry_out(jobs().get())
    assert (asked_pages(vendor)[0], newer()) == ("2", 20)


def test_the_command_lines_complete_read_begins_anew_and_its_approval_goes_on(interrupted, vendor):
    contacts = testbook.provider.resource("contacts")
    asked = {"plan_only": False, "approved": False}
    run = services.run_here(interrupted, contacts, full=False, plan_only=False, approved=True)
    assert ResourceState.objects.get().position is not None
    SyncRun.objects.filter(pk=run.pk).delete()
    run = services.run_here(interrupted, contacts, full=True, **asked)
    run_sync(interrupted, "contacts", run=run)
    assert asked_pages(vendor) == ["1", "2", "3"]


def test_a_complete_read_asked_for_in_one_chapter_leaves_the_others_place(vendor, sydney, melbourne, monkeypatch):
    monkeypatch.setattr(pull, "MOST_PAGES", 1)
    for chapter in (sydney, melbourne):
        with hub.enter(chapter):
            vendor.lists("/contacts", [contact(n) for n in range(8)])
            vendor.faults = [None, Reply({}, 500)]
            run_sync(connect(), "contacts")
    with hub.enter(sydney):
        services.request_sync(Connection.objects.get(), "contacts", full=True)
        assert ResourceState.objects.get().position is None
    with hub.enter(melbourne):
        assert ResourceState.objects.get().position is not None
