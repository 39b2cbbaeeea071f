"""What no worker will do by itself."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.hub.jobs import claims, dead_letters, enqueue, sweep, worker
from integrations.hub.models import Chapter, Fire, Job

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def abandon(job_id, **columns):
    """As a worker that died leaves it."""
    Job.objects.filter(pk=job_id).update(lease_until=timezone.now() - timedelta(seconds=1), **columns)


def test_a_job_whose_worker_died_is_ready_again_and_its_attempt_counted(kind, sydney, melbourne):
    name = kind()
    enqueue(name, chapter=sydney)
    enqueue(name, chapter=melbourne)
    died, alive = claims.claim(), claims.claim()
    abandon(died.id)
    assert sweep.take_back() == 1
    job = Job.objects.get(pk=died.id)
    assert (job.state, job.attempts, job.lease_token) == ("ready", 1, None)
    assert Job.objects.get(pk=alive.id).state == "running"


def test_past_its_attempts_it_is_a_dead_letter(kind, sydney):
    enqueue(kind(max_attempts=1), chapter=sydney)
    died = claims.claim()
    abandon(died.id)
    sweep.take_back()
    job = Job.objects.get(pk=died.id)
    assert (job.state, job.last_error) == ("dead", "The worker stopped 1 times while it ran this job.")
    assert job.finished_at


def test_a_job_that_is_taken_back_joins_the_wish_made_meanwhile(kind, sydney):
    name = kind()
    enqueue(name, key="k", chapter=sydney)
    died = claims.claim()
    newer = enqueue(name, key="k", chapter=sydney)
    abandon(died.id)
    sweep.take_back()
    assert list(Job.objects.filter(kind=name).values_list("pk", "state", "attempts")) == [(newer, "ready", 1)]


def test_what_is_ready_for_chapters_that_are_gone_is_buried_with_the_reason(kind, sydney, melbourne):
    name, unknown = kind(), uuid.uuid4()
    for chapter in (sydney, melbourne, unknown, None):
        enqueue(name, run_at=timezone.now() + timedelta(days=1), chapter=chapter)
    Chapter.objects.filter(pk=sydney.pk).update(status="suspended")
    assert sweep.bury_orphans() == 2
    reasons = dict(Job.objects.filter(kind=name, state="dead").values_list("chapter_id", "last_error"))
    assert reasons == {
        sydney.pk: "Chapter sydney cannot be entered: it is suspended.",
        unknown: f"Chapter {unknown} cannot be entered: it is not known.",
    }


def test_what_was_buried_is_replayed_when_the_chapter_is_active_again(kind, sydney):
    ran = []
    name = kind(lambda work: ran.append(work.chapter.slug))
    job_id = enqueue(name, chapter=sydney)
    Chapter.objects.filter(pk=sydney.pk).update(status="suspended")
    sweep.bury_orphans()
    worker.drain()
    assert ran == []
    Chapter.objects.filter(pk=sydney.pk).update(status="active")
    dead_letters.replay(job_id)
    worker.drain()
    assert ran == ["sydney"]


def test_what_was_done_long_ago_is_forgotten_and_dead_letters_are_kept(kind, sydney, settings, monkeypatch):
    monkeypatch.setattr(sweep, "BATCH", 2)
    name, long_ago = kind(), timezone.now() - timedelta(days=settings.JOB_KEEP_DAYS, hours=1)
    for key, state, finished in [
        *((str(n), "done", long_ago) for n in range(3)),
        ("recent", "done", timezone.now()),
        ("dead", "dead", long_ago),
    ]:
        Job.objects.filter(pk=enqueue(name, key=key, chapter=sydney)).update(state=state, finished_at=finished)
    Fire.objects.create(schedule="s", fire_time=long_ago)
    Fire.objects.create(schedule="s", fire_time=timezone.now())
    assert [sweep.prune(), sweep.prune(), sweep.prune()] == [3, 1, 0]
    assert set(Job.objects.filter(kind=name).values_list("key", flat=True)) == {"recent", "dead"}
    assert Fire.objects.filter(schedule="s").count() == 1
