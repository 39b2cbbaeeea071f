"""A connection's health from what it has done: how fresh each resource is, what arrived, what was set aside, what failed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q
from django.utils import timezone

from integrations.conflicts.models import Conflict
from integrations.connections.models import Connection
from integrations.provider import Provider
from integrations.sync import drift, schedules, timetable
from integrations.sync.models import QuarantinedRecord, RecordLink, ResourceState, SyncRun

from . import facts, words

RECENT_RUNS = 10


@dataclass(frozen=True, kw_only=True)
class ResourceHealth:
    """`late`: not read completely for three times as long as it should be. `schedule`: how often, and when next, in words.
    `alarms`: what the vendor no longer sends, as (path, sentence), with what to do in `remedy`."""

    name: str
    label: str
    becomes: str
    every: str
    enabled: bool
    last_read: datetime | None
    next_read: datetime | None
    linked: int
    set_aside: int
    conflicts: int
    problem: str
    late: bool
    schedule: str = ""
    alarms: tuple[tuple[str, str], ...] = ()
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class Health:
    resources: list[ResourceHealth]
    recent: list[SyncRun]
    runs_today: int
    failed_today: int

    @property
    def drifting(self) -> list[ResourceHealth]:
        return [one for one in self.resources if one.alarms]

    @property
    def linked(self) -> int:
        return sum(one.linked for one in self.resources)

    @property
    def set_aside(self) -> int:
        return sum(one.set_aside for one in self.resources)

    @property
    def conflicts(self) -> int:
        return sum(one.conflicts for one in self.resources)

    @property
    def fresh(self) -> int:
        return sum(1 for one in self.resources if one.last_read and not one.late)


def health(connection: Connection, provider: Provider) -> Health:
    """Seven queries, whatever the size of the connection."""
    now = timezone.now()
    states = {state.resource: state for state in ResourceState.objects.filter(connection=connection)}
    planned = {row.resource.name: row for row in timetable.rows(connection, provider)}
    links, aside = (
        RecordLink.objects.filter(connection=connection),
        QuarantinedRecord.objects.filter(connection=connection, resolved_at=None),
    )
    linked, set_aside = _per_resource(links), _per_resource(aside)
    undecided = _per_resource(Conflict.objects.filter(connection=connection, state=Conflict.State.OPEN))
    today = SyncRun.objects.filter(connection=connection, created_at__gte=now - timedelta(days=1)).aggregate(
        runs=Count("pk", filter=Q(finished_at__isnull=False)), failed=Count("pk", filter=Q(state=SyncRun.State.FAILED))
    )
    resources = []
    for declared in provider.resources:
        state = states.get(declared.name)
        read = state.last_complete_at if state else None
        resources.append(
            ResourceHealth(
                name=declared.name,
                label=words.resource(provider, declared.name),
                becomes=facts.becomes(declared),
                every=words.every(schedules.interval(state, declared)),
                enabled=state.enabled if state else True,
                last_read=read,
                next_read=planned[declared.name].next_at,
                linked=linked.get(declared.name, 0),
                set_aside=set_aside.get(declared.name, 0),
                conflicts=undecided.get(declared.name, 0),
                problem=state.last_error if state else "",
                late=read is not None and now - read > 3 * schedules.interval(state, declared),
                schedule=planned[declared.name].words,
                alarms=_alarms(provider, state),
                remedy=drift.remedy(provider.name, declared),
            )
        )
    return Health(
        resources=resources,
        recent=list(
            SyncRun.objects.filter(connection=connection).select_related("triggered_by").defer("plan")[:RECENT_RUNS]
        ),
        runs_today=today["runs"],
        failed_today=today["failed"],
    )


def _alarms(provider: Provider, state: ResourceState | None) -> tuple[tuple[str, str], ...]:
    return tuple((alarm["path"], drift.sentence(provider.name, alarm)) for alarm in (state.drift if state else ()))


def _per_resource(rows: object) -> dict[str, int]:
    return dict(rows.order_by().values_list("resource").annotate(n=Count("pk")))  # type: ignore[attr-defined]
