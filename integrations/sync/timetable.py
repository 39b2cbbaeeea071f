"""The schedules of a connection as people and programs see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from integrations import hub
from integrations.connections.models import Connection
from integrations.hub.models import Due
from integrations.provider import Provider, Resource

from . import pace, schedules
from .models import ResourceState
from .words import seconds


@dataclass(frozen=True, kw_only=True)
class Row:
    """`chosen`: the chapter's own interval, not the provider's. `sweeps`: whether it has a cursor, so that a nightly sweep
    means something. `next_at` None while it is off or the connection cannot be used."""

    resource: Resource
    enabled: bool
    every: timedelta
    chosen: bool
    shortest: timedelta
    sweep_days: int
    next_at: datetime | None
    words: str

    @property
    def sweeps(self) -> bool:
        return self.resource.cursor is not None


def rows(connection: Connection, provider: Provider) -> list[Row]:
    """One for each resource, in the provider's order; two queries."""
    states = {state.resource: state for state in ResourceState.objects.filter(connection=connection)}
    due = Due.objects.filter(chapter_id=hub.inside().pk, connection_id=connection.pk)
    next_at = dict(due.values_list("resource", "due_at"))
    found = []
    for resource in provider.resources:
        state = states.get(resource.name) or ResourceState(connection=connection, resource=resource.name)
        every = schedules.interval(state, resource)
        found.append(
            Row(
                resource=resource,
                enabled=state.enabled,
                every=every,
                chosen=state.every is not None,
                shortest=schedules.shortest(provider, resource),
                sweep_days=state.sweep_days,
                next_at=next_at.get(resource.name),
                words=_words(connection, state.enabled, every, next_at.get(resource.name)),
            )
        )
    return found


def _words(connection: Connection, enabled: bool, every: timedelta, due: datetime | None) -> str:
    """`every 15 minutes, next at 14:05`."""
    if not enabled:
        return "off"
    often = f"every {spoken(every)}"
    if connection.status not in schedules.USABLE:
        return f"{often}, paused until it is connected again"
    if due is None:
        return often
    return f"{often}, next at {pace.clock(max(due, timezone.now()))}"


def spoken(span: timedelta) -> str:
    """`15 minutes`, `hour`, `90 minutes`, `2 days`: exact, in the largest unit that is."""
    total = int(span.total_seconds())
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if total % size == 0:
            number = total // size
            return unit if number == 1 else f"{number} {unit}s"
    return seconds(total)
