"""What pages and partners may know of sending: which resources send, what waits, what was refused; and trying that again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q, QuerySet

from integrations import registry
from integrations.connections.models import Connection
from integrations.provider import Resource
from integrations.sync import positions, services
from integrations.sync.models import ResourceState, SyncRun

from . import outbox, plan
from .models import OutboundWrite
from .outbox import State
from .switch import writable

# What a person may have sent again. What is under way is left alone.
RETRIED = (State.REFUSED, State.WAITING, State.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """How one resource is sent. `asks`: its first changes wait for approval. `doubtful`: not known whether they arrived."""

    resource: Resource
    sends: bool
    creates: bool
    comparing: bool
    asks: bool
    waiting: int
    refused: int
    doubtful: int


def overview(connection: Connection) -> list[Outgoing]:
    """Every resource of which something can be sent, in three queries."""
    declared = writable(registry.get(connection.provider))
    states = {state.resource: state for state in ResourceState.objects.filter(connection=connection)}
    counts = {row["resource"]: row for row in _counts(connection)}
    asked = SyncRun.objects.filter(connection=connection, state=SyncRun.State.PLANNED).exclude(send_plan="")
    asking = set(asked.values_list("resource", flat=True))
    return [_outgoing(one, states.get(one.name), counts.get(one.name, {}), one.name in asking) for one in declared]


def of_resource(connection: Connection, resource: Resource) -> Outgoing:
    state = ResourceState.objects.filter(connection=connection, resource=resource.name).first()
    counts = next(iter(_counts(connection).filter(resource=resource.name)), {})
    return _outgoing(resource, state, counts, plan.waiting(connection.pk, resource.name))


def open_writes(connection: Connection, resource: str) -> QuerySet[OutboundWrite]:
    """What is not sent yet, or was refused; newest first."""
    return outbox.of(connection, resource).exclude(state=State.DONE).defer("body", "said")


def retry(connection: Connection, resource: str, writes: Collection[UUID] | None = None, *, user: Any = None) -> int:
    """Send again what was refused, waits or is in doubt: all of it, or these. Returns how many; a run is wished for where
    there are any. A creation in doubt is then made again, so whoever asks has looked there."""
    with transaction.atomic():
        state = positions.state_of(connection, resource)
        rows = outbox.of(connection, resource).filter(state__in=RETRIED)
        if writes is not None:
            rows = rows.filter(pk__in=list(writes))
        if not state.sends:
            return 0
        fresh = {"body": "", "said": None, "call": "", "answer": "", "alone": False, "finished_at": None}
        again = rows.update(state=State.READY, **fresh)
        if again:
            services.request_sync(connection, resource, trigger=SyncRun.Trigger.PERSON, user=user)
        return again


def _counts(connection: Connection) -> QuerySet[OutboundWrite, dict[str, Any]]:
    rows = OutboundWrite.objects.filter(connection=connection).exclude(state=State.DONE).order_by()
    return rows.values("resource").annotate(
        waiting=Count("pk", filter=Q(state__in=(State.READY, State.WAITING, State.SENDING))),
        refused=Count("pk", filter=Q(state=State.REFUSED)),
        doubtful=Count("pk", filter=Q(state=State.UNKNOWN)),
    )


def _outgoing(resource: Resource, state: ResourceState | None, counts: dict[str, Any], asks: bool) -> Outgoing:
    return Outgoing(
        resource=resource,
        sends=bool(state and state.sends),
        creates=bool(state and state.creates),
        comparing=bool(state and state.comparing),
        asks=asks,
        waiting=counts.get("waiting", 0),
        refused=counts.get("refused", 0),
        doubtful=counts.get("doubtful", 0),
    )
