"""The tick: every few seconds, by whichever worker gets there first, what is due is put in front of the workers again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction

from . import backlog, inbox, nudges, regular, schedule, sweep

log = logging.getLogger(__name__)
TICK = "hub.tick"
# Each worker that wakes wakes another while more is due, so a few are enough; and few pile up while all are busy.
NUDGES = 2

_CLAIM_FIRE = """
INSERT INTO hub_fire (schedule, fire_time) VALUES (%s, date_bin(%s, statement_timestamp(), 'epoch')) ON CONFLICT DO NOTHING
"""


def tick() -> bool:
    """Fire the tick unless it has fired for this moment already; several beats are harmless. True when it was ours."""
    if not claim_fire(TICK, timedelta(seconds=settings.JOB_TICK_SECONDS)):
        return False
    for step in (
        sweep.take_back,
        sweep.bury_orphans,
        schedule.turn_into_jobs,
        wish_regularly,
        inbox.wish_for_what_is_left,
        republish,
        sweep.prune,
    ):
        _take(step)
    return True


def claim_fire(name: str, every: timedelta) -> bool:
    """Claim one firing of a schedule: True for exactly one caller in each period, by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM_FIRE, [name, every])
        return bool(cursor.rowcount)


def wish_regularly() -> int:
    """What every chapter needs again and again, where its time has come."""
    return sum(regular.wish(kind) for kind, every in regular.known().items() if claim_fire(f"every.{kind}", every))


def republish() -> int:
    """Nudge for what is due and unclaimed; returns how many nudges the broker took."""
    return sum(nudges.nudge(job_id) for job_id in backlog.due(NUDGES))


def _take(step: Callable[[], int]) -> None:
    """One step. It waits briefly for rows that others hold, and when it fails the others are still taken."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '2s'")
            done = step()
    except Exception:
        log.exception("The tick could not %s", step.__name__)
    else:
        if done:
            log.info("The tick: %s %d", step.__name__, done)


STEPS = (
    sweep.take_back,
    sweep.bury_orphans,
    schedule.turn_into_jobs,
    wish_regularly,
    inbox.wish_for_what_is_left,
    republish,
    sweep.prune,
)
