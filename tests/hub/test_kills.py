"""Workers that are killed: what they had begun is done by another, once."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from django.db import transaction

from integrations.hub.jobs import enqueue, sweep
from integrations.hub.models import Job
from tests.hub.job_kinds import EFFECT, SUICIDE

pytestmark = [pytest.mark.services, pytest.mark.xdist_group("crowd")]

JOBS_PER_CHAPTER, KILLS = 100, 15


def children(process) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def test_every_effect_happens_exactly_once_while_workers_are_killed(effects, committed, start, until):
    with transaction.atomic():
        for chapter in committed.values():
            for n in range(JOBS_PER_CHAPTER):
                enqueue(EFFECT, key=f"{n:03}", payload={"seconds": 0.03}, chapter=chapter)
    pool = start("-m", "tests.hub.worker_pool", "3")
    until(lambda: Job.objects.filter(state="done").exists(), "a first job is done")
    for _ in range(KILLS):
        os.kill(random.choice(children(pool)), signal.SIGKILL)
        time.sleep(0.1)
        sweep.take_back()

    def all_done():
        sweep.take_back()
        return not Job.objects.exclude(state="done").exists()

    until(all_done, "every job is done")
    for chapter in committed.values():
        assert effects(chapter) == [f"{n:03}" for n in range(JOBS_PER_CHAPTER)]
    assert Job.objects.filter(attempts__gt=1).count() >= KILLS // 3, "the kills hit no running job"


def test_a_job_that_kills_its_worker_each_time_ends_as_a_dead_letter(effects, committed, start, until):
    deadly = enqueue(SUICIDE, chapter=committed["sydney"])
    enqueue(EFFECT, key="harmless", chapter=committed["melbourne"])
    start("-m", "tests.hub.worker_pool", "1")

    def given_up():
        sweep.take_back()
        return Job.objects.get(pk=deadly).state == "dead"

    until(given_up, "the job is given up")
    assert Job.objects.get(pk=deadly).last_error == "The worker stopped 3 times while it ran this job."
    assert effects(committed["melbourne"]) == ["harmless"]
