"""The two messages Celery carries. Each starts in the hub, whatever the one before left behind."""

from __future__ import annotations

from celery import shared_task
from django.db import connection

from . import tick as ticks
from . import worker
from .nudges import WAKE


@shared_task(name=WAKE, ignore_result=True)
def wake(job_id: int) -> None:
    """Something is due, `job_id` for one: run whatever is fairest, until nothing is or the budget is spent."""
    connection.set_schema_to_public()
    worker.drain()


@shared_task(name=ticks.TICK, ignore_result=True)
def tick() -> None:
    connection.set_schema_to_public()
    ticks.tick()
