"""From a wish to its effect through real Celery processes, on the broker that BROKER_URL names."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from celery import current_app
from django.db import transaction
from django.utils import timezone

from integrations.hub.jobs import beat, enqueue
from integrations.hub.models import Fire, Job
from tests.hub.brokers import use_broker
from tests.hub.job_kinds import EFFECT, SUICIDE

pytestmark = [pytest.mark.services, pytest.mark.xdist_group("crowd")]

BROKER_URL = os.environ.get("BROKER_URL", "filesystem://")


@pytest.fixture
def broker(environment, settings) -> Iterator[str]:
    """Its URL; this process's nudges go there too. Set up before `start`, so its queue is deleted after the last process."""
    queue = environment["BROKER_QUEUE"]
    with use_broker(settings, BROKER_URL, Path(environment["BROKER_DIR"]), queue):
        yield BROKER_URL
        with current_app.connection_for_write() as connection:
            bound = current_app.amqp.queues[queue](connection.default_channel)
            bound.declare()
            bound.delete()


def test_a_wish_becomes_an_effect_through_worker_and_beat(effects, committed, broker, start, settings, until):
    settings.JOB_TICK_SECONDS = 1
    beat.set_up()
    start("-m", "celery", "-A", "config", "worker", "-I", "tests.hub.job_kinds", BROKER_URL=broker)
    for _ in range(2):
        start("-m", "celery", "-A", "config", "beat", BROKER_URL=broker)
    for chapter in committed.values():
        enqueue(EFFECT, key="first", chapter=chapter)
    until(lambda: all(effects(chapter) == ["first"] for chapter in committed.values()), "the first effects")

    began = time.perf_counter()
    with transaction.atomic():
        for n in range(20):
            enqueue(EFFECT, key=f"n{n:02}", chapter=committed["sydney"])
    until(lambda: len(effects(committed["sydney"])) == 21, "twenty jobs after one nudge")
    assert time.perf_counter() - began < 20

    # Nobody nudges for these two: only the tick of the beats can bring them, the second after its worker has died.
    enqueue(EFFECT, key="later", run_at=timezone.now() + timedelta(seconds=1), chapter=committed["melbourne"])
    deadly = enqueue(SUICIDE, run_at=timezone.now() + timedelta(seconds=1), chapter=committed["sydney"])
    until(lambda: effects(committed["melbourne"]) == ["first", "later"], "the job of later")
    until(lambda: Job.objects.get(pk=deadly).state == "dead", "the deadly job is given up")
    times = list(Fire.objects.filter(schedule="hub.tick").values_list("fire_time", flat=True))
    assert len(times) == len(set(times)) > 1
