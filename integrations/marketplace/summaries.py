"""Connections with how they are doing, in one query however many there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from integrations import registry, roles
from integrations.conflicts.models import Conflict
from integrations.connections.models import Connection, Credential
from integrations.provider import Provider
from integrations.sync.models import QuarantinedRecord, ResourceState, SyncRun

from .states import ACTIVE, State, connection_state


@dataclass(frozen=True, kw_only=True)
class Summary:
    connection: Connection
    provider: Provider
    state: State
    running: bool
    set_aside: int
    conflicts: int


def with_activity(connections: QuerySet[Connection]) -> QuerySet[Connection]:
    """Annotated with `running`, `waiting`, `failing`, `drifting`, `set_aside`, `undecided` and `has_credential`."""
    mine = {"connection": OuterRef("pk")}
    open_quarantine = QuarantinedRecord.objects.filter(**mine, resolved_at=None).order_by().values("connection")
    undecided = Conflict.objects.filter(**mine, state=Conflict.State.OPEN).order_by().values("connection")
    return connections.annotate(
        running=Exists(SyncRun.objects.filter(**mine, state__in=ACTIVE)),
        waiting=Exists(SyncRun.objects.filter(**mine, state=SyncRun.State.PLANNED, kind=SyncRun.Kind.SYNC)),
        failing=Exists(ResourceState.objects.filter(**mine, enabled=True).exclude(last_error="")),
        drifting=Exists(ResourceState.objects.filter(**mine, enabled=True).exclude(drift=[])),
        has_credential=Exists(Credential.objects.filter(**mine, secret__isnull=False)),
        set_aside=Coalesce(Subquery(open_quarantine.annotate(n=Count("pk")).values("n")), 0),
        undecided=Coalesce(Subquery(undecided.annotate(n=Count("pk")).values("n")), 0),
    )


def summary(connection: Connection, provider: Provider) -> Summary:
    """`connection` comes from `with_activity`."""
    activity = {
        name: getattr(connection, name)
        for name in ("running", "waiting", "failing", "drifting", "set_aside", "undecided", "has_credential")
    }
    return Summary(
        connection=connection,
        provider=provider,
        state=connection_state(connection, **activity),
        running=activity["running"],
        set_aside=activity["set_aside"],
        conflicts=activity["undecided"],
    )


def summaries(user: Any, **only: object) -> list[Summary]:
    """Every connection the user may see (`only` narrows), those that need a person first."""
    usable = roles.usable_providers(user)
    rows = with_activity(Connection.objects.filter(provider__in=usable, **only))
    found = [summary(row, registry.get(row.provider)) for row in rows]
    return sorted(found, key=lambda one: not one.state.needs_attention)
