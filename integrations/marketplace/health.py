"""A connection's health from what it has done: how fresh each resource is, what arrived, what was set aside, what failed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q
from django.utils import timezone

from integrations.connections.models import Connection
from integrations.hub.models import Due
from integrations.provider import Provider
from integrations.sync.models import QuarantinedRecord, RecordLink, ResourceState, SyncRun

from . import facts, words

RECENT_RUNS = 10


@dataclass(frozen=True, kw_only=True)
class ResourceHealth:
    """`late`: not read completely for three times as long as it should be."""

    name: str
    label: str
    becomes: str
    every: str
    enabled: bool
    last_read: datetime | None
    next_read: datetime | None
    linked: int
    set_aside: int
    problem: str
    late: bool


@dataclass(frozen=True, kw_only=True)
class Health:
    resources: list[ResourceHealth]
    recent: list[SyncRun]
    runs_today: int
    failed_today: int

    @property
    def linked(self) -> int:
        return sum(one.linked for one in self.resources)

    @property
    def set_aside(self) -> int:
        return sum(one.set_aside for one in self.resources)

    @property
    def fresh(self) -> int:
        return sum(1 for one in self.resources if one.last_read and not one.late)


def health(connection: Connection, provider: Provider) -> Health:
    """Six queries, whatever the size of the connection."""
    now = timezone.now()
    states = {state.resource: state for state in ResourceState.objects.filter(connection=connection)}
    due = dict(Due.objects.filter(connection_id=connection.pk).values_list("resource", "due_at"))
    links, aside = (
        RecordLink.objects.filter(connection=connection),
        QuarantinedRecord.objects.filter(connection=connection, resolved_at=None),
    )
    linked, set_aside = _per_resource(links), _per_resource(aside)
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
                every=words.every(declared.every),
                enabled=state.enabled if state else True,
                last_read=read,
                next_read=due.get(declared.name),
                linked=linked.get(declared.name, 0),
                set_aside=set_aside.get(declared.name, 0),
                problem=state.last_error if state else "",
                late=read is not None and now - read > 3 * declared.every,
            )
        )
    return Health(
        resources=resources,
        recent=list(SyncRun.objects.filter(connection=connection).select_related("triggered_by")[:RECENT_RUNS]),
        runs_today=today["runs"],
        failed_today=today["failed"],
    )


def _per_resource(rows: object) -> dict[str, int]:
    return dict(rows.order_by().values_list("resource").annotate(n=Count("pk")))  # type: ignore[attr-defined]
