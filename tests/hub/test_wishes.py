"""A wish is a row in the business transaction, and the same wish made twice is one row."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from integrations import hub
from integrations.hub.jobs import claims, enqueue, kinds, worker
from integrations.hub.models import HUB, Job

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def test_repeated_wishes_of_a_chapter_are_one_job_and_the_other_chapter_has_its_own(kind, sydney, melbourne):
    name = kind()
    ids = {enqueue(name, key="k", chapter=sydney) for _ in range(3)}
    other = enqueue(name, key="k", chapter=melbourne)
    assert len(ids) == 1
    assert other not in ids
    assert Job.objects.filter(kind=name).count() == 2


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_wishes_the_earliest_time_and_the_smallest_priority_win_and_the_later_payload_lies_on_top(
    kind, sydney, order
):
    name, now = kind(), timezone.now()
    later, sooner = now + timedelta(hours=2), now + timedelta(hours=1)
    wishes = [
        {"run_at": later, "priority": 2, "payload": {"a": 1, "b": 1}},
        {"run_at": sooner, "priority": 7, "payload": {"b": 2, "c": 2}},
    ]
    for n in order:
        enqueue(name, key="k", chapter=sydney, **wishes[n])
    job = Job.objects.get(kind=name)
    assert (job.run_at, job.priority) == (sooner, 2)
    assert job.payload == {"a": 1, "b": wishes[order[1]]["payload"]["b"], "c": 2}


def test_a_wish_inside_a_chapter_is_that_chapters_and_in_the_hub_the_hubs(kind, sydney):
    name = kind()
    with hub.enter(sydney):
        inside = enqueue(name)
        explicit = enqueue(name, chapter=None)
    outside = enqueue(name)
    assert Job.objects.get(pk=inside).chapter_id == sydney.pk
    assert Job.objects.get(pk=outside).chapter_id == HUB
    assert explicit == outside


def test_a_business_transaction_that_rolls_back_leaves_no_job(kind, sydney):
    name = kind()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        enqueue(name, chapter=sydney)
        raise ZeroDivisionError
    assert not Job.objects.filter(kind=name).exists()


def test_a_wish_made_while_the_same_job_runs_makes_exactly_one_more(kind, sydney):
    ran = []

    def wishing(work):
        ran.append(work.id)
        if len(ran) == 1:
            for _ in range(3):
                enqueue(name, key="k")

    name = kind(wishing)
    first = enqueue(name, key="k", chapter=sydney)
    assert worker.drain() == 2
    assert ran[0] == first
    assert ran[1] != first
    assert set(Job.objects.filter(kind=name).values_list("state", flat=True)) == {"done"}


def test_a_failed_job_makes_way_for_the_wish_made_while_it_ran_and_hands_on_its_attempts(kind, sydney, settings):
    settings.JOB_BACKOFF_SECONDS = 600

    def failing(work):
        enqueue(name, key="k", payload={"again": True})
        raise ValueError("boom")

    name = kind(failing, max_attempts=2)
    enqueue(name, key="k", payload={"first": True}, chapter=sydney)
    worker.drain(jobs=1)
    job = Job.objects.get(kind=name)
    assert (job.state, job.attempts, job.payload) == ("ready", 1, {"first": True, "again": True})
    assert job.run_at <= timezone.now()


def test_a_kind_nobody_registered_cannot_be_wished_for(db):
    with pytest.raises(kinds.UnknownKind, match=r"test\.nobody"):
        enqueue("test.nobody")


def test_a_kind_is_registered_once(kind):
    name = kind()
    with pytest.raises(RuntimeError, match="twice"):
        kinds.job(name)(print)


def test_a_priority_that_is_none_is_refused(kind, sydney):
    with pytest.raises(Exception, match="job_priority"), transaction.atomic():
        enqueue(kind(), priority=10, chapter=sydney)


def test_the_same_wish_from_many_transactions_at_once_is_one_job(kind, committed):
    name = kind()

    def wish(number):
        try:
            with transaction.atomic():
                return enqueue(name, key="k", payload={str(number): number}, chapter=committed["sydney"])
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        ids = set(threads.map(wish, range(16)))
    assert len(ids) == 1
    assert Job.objects.get(kind=name).payload == {str(n): n for n in range(16)}
    assert claims.claim().id in ids
