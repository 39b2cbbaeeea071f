"""How fast a run goes, how long it will take, and when one that has to wait goes on; in numbers and in a sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from integrations import hub

from .models import SyncRun
from .words import seconds

# A pause shorter than this is part of the reading; a longer one is said, with when it ends.
LONG_SECONDS = 60
# What was so long ago counts for a third.
MEMORY_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Progress:
    """`phase`: queued | reading | waiting | over. `rate` in records a second, `remaining` records, `ends_at` estimated: each
    None where it cannot be said."""

    phase: str
    rate: float | None = None
    remaining: int | None = None
    ends_at: datetime | None = None
    resumes_at: datetime | None = None


def resumes_at(retry_after: float) -> datetime | None:
    """When a run goes on that has to wait so many seconds; None for a short pause."""
    return timezone.now() + timedelta(seconds=retry_after) if retry_after >= LONG_SECONDS else None


def after(run: SyncRun, fetched: int, now: datetime) -> dict[str, Any]:
    """The run's `rate` and `progress_at` after a batch: set on it, and returned to be stored."""
    spent = (now - run.progress_at).total_seconds() if run.progress_at else 0.0
    run.rate, run.progress_at = smoothed(run.rate, fetched - run.fetched, spent), now
    return {"rate": run.rate, "progress_at": now}


def smoothed(rate: float | None, records: int, spent: float) -> float | None:
    """Records a second, so that one slow page does not make a day of an hour."""
    if spent <= 0 or records < 0:
        return rate
    latest = records / spent
    if rate is None:
        return latest
    weight = 1 - math.exp(-spent / MEMORY_SECONDS)
    return rate + weight * (latest - rate)


def progress(run: SyncRun, now: datetime) -> Progress:
    if run.state == SyncRun.State.QUEUED:
        return Progress(phase="queued")
    if run.state != SyncRun.State.RUNNING:
        return Progress(phase="over")
    remaining = max(run.total - run.fetched, 0) if run.total else None
    if run.resumes_at and run.resumes_at > now:
        return Progress(phase="waiting", remaining=remaining, resumes_at=run.resumes_at)
    ends_at = now + timedelta(seconds=remaining / run.rate) if remaining and run.rate else None
    return Progress(phase="reading", rate=run.rate, remaining=remaining, ends_at=ends_at)


def sentence(run: SyncRun, now: datetime) -> str:
    """`12,400 of 50,000 read, 480 a second, about 2 minutes left.`; `Partial: 12,400 read, goes on at 00:05.`"""
    at = progress(run, now)
    if at.phase == "queued":
        return "Waiting to start."
    if at.phase == "over":
        return run.message or f"{run.get_state_display()}."
    read = f"{run.fetched:,} of {run.total:,} read" if run.total else f"{run.fetched:,} read"
    if at.resumes_at:
        return f"Partial: {read}, goes on at {clock(at.resumes_at, now)}."
    parts = [read]
    parts += [f"{at.rate:,.0f} a second" if at.rate >= 1.5 else f"{at.rate * 60:,.0f} a minute"] if at.rate else []
    parts += [f"about {seconds((at.ends_at - now).total_seconds())} left"] if at.ends_at else []
    return f"{', '.join(parts)}."


def clock(moment: datetime, now: datetime | None = None) -> str:
    """The chapter's own time, with the day where it is not near: `00:05`, `00:05 on Tuesday 4 March`."""
    chapter = hub.current()
    zone = ZoneInfo(chapter.timezone) if chapter else ZoneInfo("UTC")
    local, today = moment.astimezone(zone), (now or timezone.now()).astimezone(zone)
    near = local.date() == today.date() or abs(moment - today) < timedelta(hours=12)
    return f"{local:%H:%M}" if near else f"{local:%H:%M} on {local:%A} {local.day} {local:%B}"
