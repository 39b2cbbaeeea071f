"""What a vendor's account allows, shared by everybody who uses it; and who goes first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import requests
from django.utils import timezone

from integrations import hub, registry
from integrations.connections.models import Connection
from integrations.http import LOAD, PERSON, WORKER, limits, shared
from integrations.http.caller import Caller
from integrations.http.session import through
from integrations.http.transport import Transport
from integrations.hub.jobs import claims, worker
from integrations.hub.models import Job
from integrations.provider import RateLimit, RateLimited
from integrations.sync import engine, pace, services
from integrations.sync.engine import run_sync
from integrations.sync.models import SyncRun
from tests import fakes

from .conftest import connect
from .testbook import contact
from .vendor import Reply

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def shared_account(chapters, monkeypatch, **rate):
    """Each chapter's connection to one account of a vendor, as its requests leave the house."""
    provider = fakes.make("limited", limits=RateLimit(**rate))
    monkeypatch.setattr(registry, "all_providers", lambda: {"limited": provider})
    callers = []
    for chapter in chapters:
        with hub.enter(chapter):
            mine = Connection.objects.create(provider="limited", name="Ledger", auth_kind="api_key", account_id="acct")
            callers.append(Caller.of(mine, chapter))
    return callers


def waits(who, times, **how):
    return [limits.take(who, limits.windows(who), **how).wait for _ in range(times)]


@pytest.mark.parametrize("rate", [{"per_day": 20}, {"per_hour": 20}])
def test_a_long_read_leaves_a_tenth_to_the_other_chapters_people(sydney, melbourne, monkeypatch, rate):
    sydneys, melbournes = shared_account((sydney, melbourne), monkeypatch, **rate)
    reading = waits(sydneys, 19, keeps_reserve=True)
    assert reading[:18] == [0] * 18
    assert reading[18] > 3_000, "what is left is not for a long read"
    limits.give_back(limits.windows(sydneys))
    assert waits(melbournes, 2) == [0, 0]
    assert waits(melbournes, 1)[0] > 3_000, "now it is spent"
    assert waits(sydneys, 1)[0] > 3_000, "for both"


def test_a_second_and_a_minute_have_no_reserve(sydney, monkeypatch):
    (sydneys,) = shared_account((sydney,), monkeypatch, per_minute=60)
    assert waits(sydneys, 12, keeps_reserve=True) == [0] * 12


def test_a_long_read_says_when_the_budget_begins_anew(sydney, monkeypatch):
    (sydneys,) = shared_account((sydney,), monkeypatch, per_day=10)
    waits(sydneys, 9)
    session = through(requests.Session(), Transport(sydneys, LOAD))
    with pytest.raises(RateLimited) as pause:
        session.get("https://api.limited.example/")
    assert pause.value.retry_after == pytest.approx(86_400, abs=10)
    assert shared.execute("SELECT tokens FROM public.hub_ratebucket WHERE key LIKE 'limited|%%'", {}) == [(1.0,)]


@pytest.mark.parametrize(
    ("resource", "cursor", "full", "budget"),
    [
        ("contacts", "", False, LOAD),  # a first load
        ("contacts", "2026-01-01T00:00:00+00:00", True, LOAD),
        ("contacts", "2026-01-01T00:00:00+00:00", False, WORKER),  # only what changed
        ("offsets", "", False, LOAD),  # there is no other way than all of it
    ],
)
def test_who_keeps_the_reserve(ledger, vendor, monkeypatch, resource, cursor, full, budget):
    from integrations.sync.models import ResourceState

    asked = []
    plain = engine.http.open_door
    monkeypatch.setattr(engine.http, "open_door", lambda *a, **how: asked.append(how["budget"]) or plain(*a, **how))
    ResourceState.objects.create(connection=ledger, resource=resource, cursor=cursor)
    vendor.lists(f"/{resource}", [])
    run_sync(ledger, resource, full=full)
    assert asked == [budget]
    assert not PERSON.keeps_reserve


def work_on_the_next():
    chapter = hub.current()
    worker.run(claims.claim())
    from django.db import connection as database

    database.set_tenant(chapter)


def test_a_spent_budget_is_a_pause_with_a_time_and_the_job_waits_for_it(ledger, vendor, monkeypatch):
    from integrations.sync import pull

    monkeypatch.setattr(pull, "MOST_PAGES", 1)
    vendor.lists("/contacts", [contact(n) for n in range(9)])
    vendor.faults = [None, None, Reply({}, 429, {"Retry-After": "7200"})]
    (run,) = services.request_sync(ledger, "contacts")
    work_on_the_next()
    run.refresh_from_db()
    job = Job.objects.get(kind="sync.run")
    assert (run.state, run.fetched, run.pages) == ("running", 6, 2)
    assert abs((run.resumes_at - job.run_at).total_seconds()) < 5
    assert pace.progress(run, timezone.now()).phase == "waiting"
    assert pace.sentence(run, timezone.now()) == f"Partial: 6 read, goes on at {pace.clock(run.resumes_at)}."
    assert f"6 read; it goes on at {pace.clock(run.resumes_at)}" in run.message
    Job.objects.update(run_at=timezone.now())
    work_on_the_next()
    run.refresh_from_db()
    assert (run.state, run.fetched, run.resumes_at) == ("succeeded", 9, None)


def test_a_short_pause_is_part_of_the_reading(ledger, vendor):
    vendor.lists("/contacts", [contact(1)])
    vendor.faults = [Reply({}, 429, {"Retry-After": "5"})]
    (run,) = services.request_sync(ledger, "contacts")
    work_on_the_next()
    run.refresh_from_db()
    assert (run.state, run.resumes_at) == ("running", None)
    assert pace.progress(run, timezone.now()).phase == "reading"


def test_times_are_the_chapters_own(sydney, melbourne):
    sydney.timezone = "Australia/Sydney"
    moment, now = datetime(2026, 1, 5, 13, 5, tzinfo=UTC), datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
    with hub.enter(sydney):
        assert pace.clock(moment, now) == "00:05"
        assert pace.clock(moment + timedelta(days=2), now) == "00:05 on Thursday 8 January"
    assert pace.clock(moment, now) == "13:05"


def test_the_rate_is_smooth_and_the_end_is_estimated(ledger):
    now = timezone.now()
    run = SyncRun(resource="contacts", state="running", total=22_000, progress_at=now)
    assert pace.after(run, 1_000, now + timedelta(seconds=2))["rate"] == 500
    run.fetched = 1_000
    pace.after(run, 1_100, now + timedelta(seconds=3))
    assert 450 < run.rate < 500, "one slow second is not the whole story"
    run.fetched, run.rate = 4_000, 100.0
    at = pace.progress(run, now)
    assert (at.phase, at.remaining, at.ends_at) == ("reading", 18_000, now + timedelta(seconds=180))
    assert pace.sentence(run, now) == "4,000 of 22,000 read, 100 a second, about 3 minutes left."
    run.total = None
    assert pace.sentence(run, now) == "4,000 read, 100 a second."


def test_pages_are_counted_over_interruptions(ledger, vendor, monkeypatch):
    from integrations.sync import pull

    monkeypatch.setattr(pull, "MOST_PAGES", 1)
    vendor.lists("/contacts", [contact(n) for n in range(9)])
    (run,) = services.request_sync(ledger, "contacts")
    vendor.faults = [None, Reply({}, 503)]
    work_on_the_next()
    Job.objects.update(run_at=timezone.now())
    work_on_the_next()
    run.refresh_from_db()
    assert (run.state, run.pages) == ("succeeded", 4), "three full ones, and the empty one that ends it"
    assert run.rate > 0


def test_a_flood_of_one_chapters_syncs_does_not_keep_the_others_waiting(vendor, sydney, melbourne, settings):
    settings.JOB_IN_FLIGHT_PER_CHAPTER = 2
    with hub.enter(sydney):
        for number in range(12):
            services.request_sync(connect(f"Ledger {number}"))
    flooded = Job.objects.filter(kind="sync.run").count()
    assert flooded >= 100
    first = claims.claim()
    assert first.chapter_id == sydney.pk
    with hub.enter(melbourne):
        services.request_sync(connect(), "contacts", trigger=SyncRun.Trigger.SCHEDULE)
    assert claims.claim().chapter_id == melbourne.pk, "the next worker is the other's, whatever is piled up"


def test_round_robin_goes_on_while_both_have_work(vendor, sydney, melbourne, settings):
    settings.JOB_IN_FLIGHT_PER_CHAPTER = 10
    for chapter in (sydney, melbourne):
        with hub.enter(chapter):
            services.request_sync(connect())
    order = [claims.claim().chapter_id for _ in range(10)]
    assert all({*order[n : n + 2]} == {sydney.pk, melbourne.pk} for n in range(0, 10, 2))


def test_a_run_that_waits_for_its_budget_holds_no_worker(vendor, sydney, melbourne, settings):
    settings.JOB_IN_FLIGHT_PER_CHAPTER = 1
    vendor.routes["/contacts"] = lambda asked: Reply({}, 429, {"Retry-After": "3600"})
    for chapter in (sydney, melbourne):
        with hub.enter(chapter):
            services.request_sync(connect(), "contacts")
            services.request_sync(Connection.objects.get(), "tags", trigger=SyncRun.Trigger.SCHEDULE)
    vendor.routes["/tags"] = lambda asked: Reply([])
    for _ in range(4):
        worker.run(claims.claim())
    assert claims.claim() is None
    for chapter in (sydney, melbourne):
        with hub.enter(chapter):
            assert dict(SyncRun.objects.values_list("resource", "state")) == {
                "contacts": "running",
                "tags": "succeeded",
            }
