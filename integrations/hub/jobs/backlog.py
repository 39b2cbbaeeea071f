"""How much work there is, and how long it has been waiting."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Count, F, QuerySet
from django.db.models.functions import Now

from integrations.hub.models import Job


def due(limit: int) -> list[int]:
    """Ids of jobs that are due and unclaimed, the longest waiting first, at most so many."""
    return list(_due().order_by("run_at").values_list("pk", flat=True)[:limit])


def counts() -> list[tuple[str, str, int]]:
    """(kind, state, how many), by kind and state."""
    rows = Job.objects.values_list("kind", "state").annotate(jobs=Count("pk")).order_by("kind", "state")
    return [(kind, state, jobs) for kind, state, jobs in rows]


def oldest_ready() -> timedelta | None:
    """How long the job that has been due longest has waited; None when nothing is due."""
    oldest = _due().order_by("run_at").annotate(waited=Now() - F("run_at")).values_list("waited", flat=True)
    return oldest.first()


def _due() -> QuerySet[Job]:
    return Job.objects.filter(state=Job.State.READY, run_at__lte=Now())
