"""Workers that are killed while they send: every event arrives, at least once, and always with one id."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter

import pytest

from integrations import hub
from integrations.hub.jobs import sweep
from integrations.hub.models import Job
from integrations.outbound import events
from integrations.outbound.models import Attempt, Delivery, Event
from tests.hub.test_kills import children

from .receiving import Answer

pytestmark = pytest.mark.services

EVENTS, ENDPOINTS, KILLS = 60, 3, 10


def test_every_event_arrives_at_every_endpoint_though_workers_are_killed(committed, endpoint, receiver, start, until):
    receiver.usual = Answer(200, seconds=0.05)
    for chapter in committed.values():
        for number in range(ENDPOINTS):
            endpoint(chapter, "connection.*", path=f"/{chapter.slug}/{number}")
        with hub.enter(chapter):
            for _ in range(EVENTS):
                events.emit("connection.connected", {"chapter": chapter.slug})
    pool = start("-m", "tests.hub.worker_pool", "3", WEBHOOK_PRIVATE_HOSTS=receiver.host)
    until(lambda: len(receiver.got) > 10, "something arrives")
    for _ in range(KILLS):
        os.kill(random.choice(children(pool)), signal.SIGKILL)
        time.sleep(0.15)
        sweep.take_back()

    def all_there():
        sweep.take_back()
        return not Job.objects.exclude(state="done").exists()

    until(all_there, "every job is done")
    arrived = Counter((got.path, got.id) for got in receiver.got)
    for chapter in committed.values():
        with hub.enter(chapter):
            assert Event.objects.count() == EVENTS
            assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
            wanted = {
                (f"/hook/{chapter.slug}/{number}", event.public_id)
                for event in Event.objects.all()
                for number in range(ENDPOINTS)
            }
            assert {one for one in arrived if f"/{chapter.slug}/" in one[0]} == wanted
            assert Attempt.objects.count() == EVENTS * ENDPOINTS
    assert sum(arrived.values()) > len(arrived), "the kills hit nobody who was sending"
