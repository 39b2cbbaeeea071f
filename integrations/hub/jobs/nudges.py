"""Waking a worker. A nudge carries a job's id and means only "something is due": it may be lost, doubled or late, and no
work is, because the tick nudges again for whatever is due and unclaimed."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from celery import current_app
from django.db import connection, transaction

log = logging.getLogger(__name__)
WAKE = "hub.wake"
# A broker that does not answer costs a commit its connect timeout once, then nothing for so many seconds.
PAUSE_SECONDS = 10.0
# A worker that finds an older nudge than this in the queue skips it: the tick has nudged since.
EXPIRES_SECONDS = 600


@dataclass(frozen=True)
class _Nudge:
    job_id: int

    def __call__(self) -> None:
        nudge(self.job_id)


class _Line:
    """Whether the broker answered last time, and until when it is left alone."""

    def __init__(self) -> None:
        self.quiet_until = 0.0
        self.broken = False

    def send(self, job_id: int) -> bool:
        if time.monotonic() < self.quiet_until:
            return False
        try:
            current_app.send_task(WAKE, args=[job_id], retry=False, ignore_result=True, expires=EXPIRES_SECONDS)
        except Exception as error:  # noqa: BLE001 whatever a broker does, the business transaction has been committed
            self.quiet_until = time.monotonic() + PAUSE_SECONDS
            if not self.broken:
                log.warning("The broker does not answer (%s): jobs wait for the tick.", type(error).__name__)
            self.broken = True
            return False
        if self.broken:
            log.info("The broker answers again.")
        self.broken = False
        return True


_line = _Line()


def nudge(job_id: int) -> bool:
    """Wake one worker, once and without insisting. True when the broker took the message."""
    return _line.send(job_id)


def nudge_on_commit(job_id: int) -> None:
    """Wake a worker when the current transaction commits; one message for all the wishes of a transaction.

    A nudge that is registered already will be sent whenever this one would be: Django drops it only with a savepoint that
    encloses both.
    """
    if not any(isinstance(then, _Nudge) for _savepoints, then, _robust in connection.run_on_commit):
        transaction.on_commit(_Nudge(job_id))
