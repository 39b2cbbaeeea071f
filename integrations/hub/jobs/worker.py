"""Running jobs: claim, run, settle, and again, within a budget."""

from __future__ import annotations

import logging
import time
import traceback
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction

from integrations.hub import tenancy
from integrations.hub.models import Chapter, Job

from . import backlog, claims, dead_letters, kinds, nudges, outcomes, wishes
from .claims import Claim
from .heartbeat import Heartbeat
from .outcomes import Fail, LeaseLost, Retry
from .work import Work, place

log = logging.getLogger(__name__)
TAKEN_OVER = "taken over by another worker"


def drain(*, seconds: float | None = None, jobs: int | None = None) -> int:
    """Run due jobs, the fairest first, until none is left or the budget is spent; returns how many were run.

    Each drain sends at most one nudge, as soon as it sees that more is due than its own job: so idle workers are woken
    while it works, somebody goes on when its budget is spent, and nudges never multiply.
    """
    ends = time.monotonic() + (settings.JOB_DRAIN_SECONDS if seconds is None else seconds)
    ran, nudged = 0, False
    while (jobs is None or ran < jobs) and time.monotonic() < ends:
        claim = claims.claim()
        if claim is None:
            return ran
        nudged = nudged or _wake_another()
        run(claim)
        ran += 1
    if not nudged:
        _wake_another()
    return ran


def run(claim: Claim) -> None:
    """Run a claimed job inside its chapter and settle it. A chapter that cannot be entered makes it a dead letter: the
    body is not run, least of all in the hub."""
    began = time.monotonic()
    try:
        with place(claim.chapter_id) as chapter:
            outcome = _attempt(claim, chapter)
    except tenancy.ChapterUnavailable as error:
        outcome = _give_up(claim, str(error))
    finally:
        connection.set_schema_to_public()
    log.info("%s attempt %d: %s in %.3f s", claim, claim.attempt, outcome, time.monotonic() - began)


def _attempt(claim: Claim, chapter: Chapter | None) -> str:
    """Run the body once and settle what came of it; returns that in a word for the log."""
    work = Work(
        id=claim.id,
        chapter=chapter,
        key=claim.key,
        payload=claim.payload,
        attempt=claim.attempt,
        token=claim.token,
    )
    try:
        kind = kinds.get(claim.kind)
        with Heartbeat(claim, kind.lease):
            kind.body(work)
            work.finish()
    except LeaseLost:
        return TAKEN_OVER
    except Retry as wish:
        return _again(claim, outcomes.reason(wish), wish.after, forgiven=1)
    except tenancy.ChapterUnavailable:
        raise
    except Fail as error:
        return _give_up(claim, outcomes.reason(error))
    except Exception as error:  # noqa: BLE001 whatever a body raises is its job's outcome
        return _failed(claim, error)
    return "done"


def _failed(claim: Claim, error: Exception) -> str:
    reason = outcomes.reason(error)
    # The frames only: the message may hold what `reason` has taken out.
    log.error("%s failed: %s\n%s", claim, reason, "".join(traceback.format_tb(error.__traceback__)))
    if claim.attempt >= claim.max_attempts:
        return _give_up(claim, f"{reason} (attempt {claim.attempt} of {claim.max_attempts})")
    return _again(claim, reason, outcomes.backoff(claim.attempt))


def _again(claim: Claim, reason: str, after: timedelta, forgiven: int = 0) -> str:
    with transaction.atomic():
        held = Job.objects.filter(pk=claim.id, state=Job.State.RUNNING, lease_token=claim.token).select_for_update()
        if not held.exists():
            return TAKEN_OVER
        wishes.put_back([claim.id], after=after, reason=reason, forgiven=forgiven)
    return f"again in {after.total_seconds():.0f} s"


def _give_up(claim: Claim, reason: str) -> str:
    try:
        dead_letters.bury(claim, reason)
    except LeaseLost:
        return TAKEN_OVER
    log.warning("%s is a dead letter: %s", claim, reason)
    return "dead letter"


def _wake_another() -> bool:
    return any(nudges.nudge(job_id) for job_id in backlog.due(1))
