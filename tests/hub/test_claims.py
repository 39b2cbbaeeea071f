"""Who runs what next: in turn over chapters, capped, never the same work twice at a time."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Lock

import pytest
from django.db import connection, transaction
from django.utils import timezone

from integrations.hub.jobs import claims, enqueue
from integrations.hub.models import HUB, Job, Turn

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def quickest(work) -> float:
    """Seconds, of five times: what a busy machine adds now and then does not count."""
    took = []
    for _ in range(5):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return min(took)


def flood(chapter, name, jobs, **columns):
    enqueue(name, key="first", chapter=chapter)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO hub_job (chapter_id, kind, key, payload, priority, state, run_at, attempts, max_attempts,"
            " last_error, created_at) SELECT %s, %s, n::text, '{}', %s, 'ready', %s, 0, 8, '', now()"
            " FROM generate_series(2, %s) n",
            [
                chapter.pk,
                name,
                columns.get("priority", 5),
                columns.get("run_at", timezone.now() - timedelta(hours=1)),
                jobs,
            ],
        )


def test_a_flood_of_one_chapter_does_not_delay_the_other(kind, sydney, melbourne):
    name = kind()
    flood(sydney, name, 10_000)
    assert claims.claim().chapter_id == sydney.pk
    enqueue(name, chapter=melbourne)
    assert claims.claim().chapter_id == melbourne.pk
    assert quickest(claims.claim) < 0.5


def test_the_hub_takes_its_turn_like_a_chapter(kind, sydney, melbourne, settings):
    settings.JOB_IN_FLIGHT_PER_CHAPTER = 10
    name = kind()
    for place in (sydney, melbourne, None):
        for n in range(3):
            enqueue(name, key=str(n), chapter=place)
    order = [claims.claim().chapter_id for _ in range(9)]
    assert {*order[:3]} == {*order[3:6]} == {*order[6:]} == {sydney.pk, melbourne.pk, HUB}


def test_a_chapter_has_no_more_jobs_running_than_the_cap_also_with_many_claiming_at_once(kind, committed, settings):
    settings.JOB_IN_FLIGHT_PER_CHAPTER = 3
    name = kind()
    for chapter in committed.values():
        for n in range(20):
            enqueue(name, key=str(n), chapter=chapter)

    def claim(_):
        try:
            return claims.claim()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        claimed = [found for found in threads.map(claim, range(40)) if found]
    running = [found.chapter_id for found in claimed]
    assert {chapter: running.count(chapter) for chapter in set(running)} == {c.pk: 3 for c in committed.values()}
    assert claims.claim() is None


def test_chapters_that_are_at_their_cap_do_not_hold_up_the_one_that_is_not(kind, sydney, settings):
    settings.JOB_IN_FLIGHT_PER_CHAPTER = 1
    name = kind()
    for _ in range(claims.TURNS + 5):
        busy = uuid.uuid4()
        enqueue(name, key="running", chapter=busy)
        Job.objects.filter(chapter_id=busy).update(state="running")
        enqueue(name, key="waiting", chapter=busy)
    Turn.objects.create(chapter_id=sydney.pk, claimed_at=timezone.now())
    enqueue(name, chapter=sydney)
    assert claims.claim().chapter_id == sydney.pk


def test_the_same_work_never_runs_twice_at_a_time(kind, committed, settings):
    settings.JOB_IN_FLIGHT_PER_CHAPTER = 50
    name = kind()
    sydney = committed["sydney"]
    at_once, most, ran, lock = 0, 0, 0, Lock()

    def work(_):
        nonlocal at_once, most, ran
        try:
            for _ in range(10):
                enqueue(name, key="only", chapter=sydney)
                if (claim := claims.claim()) is None:
                    continue
                with lock:
                    at_once += 1
                    most = max(most, at_once)
                time.sleep(0.002)
                with lock:
                    at_once -= 1
                    ran += 1
                Job.objects.filter(pk=claim.id).update(state="done")
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(6)))
    assert ran > 5
    assert most == 1


def test_the_database_itself_refuses_to_run_the_same_work_twice_at_a_time(kind, sydney):
    name = kind()
    enqueue(name, key="k", chapter=sydney)
    claims.claim()
    enqueue(name, key="k", chapter=sydney)
    with pytest.raises(Exception, match="job_one_running"), transaction.atomic():
        Job.objects.filter(kind=name, state="ready").update(state="running")


def test_within_a_chapter_the_smallest_priority_goes_first_then_the_longest_waiting(kind, sydney, settings):
    settings.JOB_IN_FLIGHT_PER_CHAPTER = 10
    name, now = kind(), timezone.now()
    for key, priority, minutes in [("late", 5, 1), ("early", 5, 9), ("urgent", 0, 0), ("idle", 9, 60)]:
        enqueue(name, key=key, priority=priority, run_at=now - timedelta(minutes=minutes), chapter=sydney)
    assert [claims.claim().key for _ in range(4)] == ["urgent", "early", "late", "idle"]


def test_a_job_is_not_claimed_before_its_time(kind, sydney):
    enqueue(kind(), run_at=timezone.now() + timedelta(seconds=60), chapter=sydney)
    assert claims.claim() is None


def test_work_that_is_due_is_found_behind_any_number_of_later_jobs(kind, sydney):
    name = kind()
    flood(sydney, name, 20_000, priority=0, run_at=timezone.now() + timedelta(days=1))
    Job.objects.filter(key="first").update(priority=9)
    assert claims.claim().key == "first"
    assert claims.claim() is None
    assert quickest(claims.claim) < 0.5


def test_a_chapter_whose_only_wish_is_held_by_an_open_transaction_does_not_hold_up_the_other(kind, committed):
    name = kind()
    enqueue(name, key="held", chapter=committed["sydney"])
    enqueue(name, key="free", chapter=committed["melbourne"])
    Turn.objects.filter(chapter_id=committed["sydney"].pk).update(claimed_at="1970-01-01T00:00Z")
    Turn.objects.filter(chapter_id=committed["melbourne"].pk).update(claimed_at="1971-01-01T00:00Z")

    def claim():
        try:
            return claims.claim()
        finally:
            connection.close()

    with transaction.atomic(), ThreadPoolExecutor(1) as thread:
        enqueue(name, key="held", chapter=committed["sydney"])
        assert thread.submit(claim).result(timeout=60).key == "free"
        assert thread.submit(claim).result(timeout=60) is None
    assert claims.claim().key == "held"


def test_a_thousand_chapters_do_not_make_a_claim_slow(kind, sydney):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO hub_turn SELECT gen_random_uuid(), now() - interval '1 day' FROM generate_series(1, 1000)"
        )
    enqueue(kind(), chapter=sydney)
    Turn.objects.filter(chapter_id=sydney.pk).update(claimed_at=timezone.now())
    assert claims.claim() is not None
    assert quickest(claims.claim) < 0.5
