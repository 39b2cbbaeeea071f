"""The few periodic tasks that django-celery-beat owns. What is due per resource is no periodic task: see `schedule`."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connection
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_tenants.utils import get_public_schema_name

from .tick import TICK

# A beat without workers piles ticks up; workers that come back skip those that are older than this.
STALE_SECONDS = 600


def set_up() -> None:
    """Make the periodic tasks, or bring them up to date. An operator's choice to disable one is kept."""
    seconds = settings.JOB_TICK_SECONDS
    every, _ = IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)
    wanted = {"task": TICK, "interval": every, "expire_seconds": STALE_SECONDS}
    task, made = PeriodicTask.objects.get_or_create(name="Jobs: the tick", defaults=wanted)
    if not made and any(getattr(task, field) != value for field, value in wanted.items()):
        for field, value in wanted.items():
            setattr(task, field, value)
        task.save()


def set_up_after_migrate(**kwargs: Any) -> None:
    """After the hub's tables are migrated; a chapter's schema has no schedules."""
    if connection.schema_name == get_public_schema_name():
        set_up()
