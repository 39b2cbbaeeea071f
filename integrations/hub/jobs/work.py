"""What a body is given: its job, and the two sentences that tie its effect to still holding it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now

from integrations.hub import tenancy
from integrations.hub.models import HUB, Chapter, Job

from .outcomes import LeaseLost


@dataclass(frozen=True, kw_only=True)
class Work:
    """One attempt at a job. `chapter` is the one being inside, or None in the hub; `attempt` counts from 1."""

    id: int
    chapter: Chapter | None
    key: str
    payload: dict[str, Any]
    attempt: int
    token: UUID

    def fence(self) -> None:
        """Hold the job until the current transaction ends: nobody else can take it before the effect is committed.

        Raises LeaseLost when it has been taken already, and ChapterUnavailable when the chapter was suspended since the job
        began; let it pass, so that the transaction rolls back.
        """
        self._in_a_transaction()
        if not self._held().select_for_update(no_key=True).exists():
            raise self._lost()
        if self.chapter and not Chapter.objects.filter(pk=self.chapter.pk, status=Chapter.Status.ACTIVE).exists():
            raise tenancy.ChapterUnavailable(self.chapter.slug, "it was suspended while the job ran")

    def complete(self) -> None:
        """Complete the job in the current transaction: effect and completion are committed together, or neither.

        Raises LeaseLost when the job is no longer this worker's.
        """
        self._in_a_transaction()
        if not self._close():
            raise self._lost()

    def finish(self) -> None:
        """Complete the job unless its body has. Raises LeaseLost when somebody else has it."""
        by_the_body = Job.objects.filter(pk=self.id, state=Job.State.DONE, lease_token=self.token)
        if not self._close() and not by_the_body.exists():
            raise self._lost()

    def _held(self) -> QuerySet[Job]:
        return Job.objects.filter(pk=self.id, state=Job.State.RUNNING, lease_token=self.token)

    def _close(self) -> bool:
        return self._held().update(state=Job.State.DONE, finished_at=Now(), lease_until=None, last_error="") == 1

    def _lost(self) -> LeaseLost:
        return LeaseLost(f"Job {self.id} is no longer this worker's: its lease ended and it was taken back.")

    def _in_a_transaction(self) -> None:
        if not connection.in_atomic_block:
            raise RuntimeError("fence() and complete() belong in the transaction of the effect: transaction.atomic().")


@contextmanager
def place(chapter_id: UUID) -> Iterator[Chapter | None]:
    """A job's chapter, entered; the hub for the hub's own jobs."""
    if chapter_id == HUB:
        yield None
        return
    with tenancy.enter(chapter_id) as chapter:
        yield chapter
