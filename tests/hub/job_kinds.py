"""Kinds of jobs for workers in processes of their own."""

from __future__ import annotations

import os
import signal
import time

from django.db import connection, transaction

from integrations.hub.jobs import Work, job

EFFECT, SUICIDE = "test.effect", "test.suicide"


@job(EFFECT, max_attempts=50)
def effect(work: Work) -> None:
    """One row in the chapter's table `effect`, in the transaction that completes the job."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO effect VALUES (%s)", [work.key])
        time.sleep(work.payload.get("seconds", 0))
        work.complete()


@job(SUICIDE, max_attempts=3)
def suicide(work: Work) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
