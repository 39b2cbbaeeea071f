"""Jobs that were given up: kept with the reason, until a person replays them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from integrations.hub import tenancy
from integrations.hub.models import Job

from . import kinds, nudges, wishes
from .claims import Claim
from .outcomes import LeaseLost
from .work import place

log = logging.getLogger(__name__)


def bury(claim: Claim, reason: str) -> None:
    """Make a running job a dead letter. Raises LeaseLost when it is no longer this worker's."""
    with transaction.atomic():
        held = Job.objects.filter(pk=claim.id, state=Job.State.RUNNING, lease_token=claim.token)
        dead = {"state": Job.State.DEAD, "last_error": reason, "finished_at": Now()}
        if not held.update(**dead, lease_until=None, lease_token=None):
            raise LeaseLost(f"Job {claim.id} was taken back before it could be given up.")
        tell(claim.kind, claim.chapter_id, claim.payload, reason)


def tell(kind: str, chapter_id: UUID, payload: dict[str, Any], reason: str) -> None:
    """Let the slice whose job was given up know, in the transaction that buries it. A chapter that cannot be entered is not
    told: nobody sees its rows either, until it is active again and the dead letter is replayed. The job is buried whatever
    the slice does."""
    told = kinds.given_up(kind)
    if told is None:
        return
    try:
        with transaction.atomic(), place(chapter_id):
            told(payload, reason)
    except tenancy.ChapterUnavailable:
        pass
    except Exception:
        log.exception("Nobody could be told that a job of kind %s was given up", kind)


def replay(job_id: int) -> int:
    """Make a dead letter ready again with all its attempts; returns the id of the job that stands for it (another when
    the same wish has been made since). Raises LookupError when there is no such dead letter."""
    replayed = replay_all([job_id])
    if not replayed:
        raise LookupError(f"Job {job_id} is no dead letter.")
    return replayed[0]


def replay_all(ids: Iterable[int]) -> list[int]:
    """Replay these dead letters; returns the ids of the jobs that stand for them. What is no dead letter is left alone."""
    with transaction.atomic():
        dead = Job.objects.filter(pk__in=list(ids), state=Job.State.DEAD).order_by("pk")
        replayed = wishes.put_back(dead.select_for_update().values_list("pk", flat=True), forgiven=wishes.ALL_ATTEMPTS)
        if replayed:
            nudges.nudge_on_commit(replayed[0])
    return replayed


def replay_kind(kind: str) -> list[int]:
    """Replay every dead letter of a kind."""
    return replay_all(Job.objects.filter(kind=kind, state=Job.State.DEAD).values_list("pk", flat=True))
