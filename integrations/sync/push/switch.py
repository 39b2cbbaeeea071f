"""Switching on that a resource sends, with what it would mean; and off again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.db import transaction
from psycopg import sql

from integrations import registry
from integrations.changes.models import ChangePosition
from integrations.connections.models import Connection
from integrations.provider import Provider, Resource
from integrations.sync import positions, services
from integrations.sync.batch import Route
from integrations.sync.copy import table
from integrations.sync.models import RecordLink, SyncRun

from . import outbox, sides, stage, wishes
from .outbox import State

MOST_COMPARED = 2_000
SAMPLES = 10


class CannotSend(ValueError):
    """The resource cannot be sent; the sentence says why."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A record that differs. `fields`: (field, what both sides last agreed on, ours)."""

    external_id: str
    record_id: UUID
    fields: Sequence[tuple[str, Any, Any]]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What sending would change at first. `differ` of the `compared` records are not what was last agreed on; `linked` are
    there at all. `only_here` have no counterpart; None where nothing can be created there."""

    linked: int
    compared: int
    differ: int
    only_here: int | None
    samples: Sequence[Sample]


def writable(provider: Provider) -> list[Resource]:
    """Resources of which something can be sent."""
    return [resource for resource in provider.resources if resource.write]


def route_of(connection: Connection, resource: str) -> Route:
    """KeyError for an unknown resource; CannotSend for one that is only read."""
    provider = registry.get(connection.provider)
    declared = provider.resource(resource)
    if declared.write is None:
        raise CannotSend(f"{provider.name} takes no {declared.title.lower()} from us: they are only read.")
    return Route.of(connection, declared)


def difference(connection: Connection, resource: str) -> Difference:
    """How many records differ now, with samples; nothing is changed. Of very many only the first are compared. Raises as
    `route_of`."""
    route = route_of(connection, resource)
    links = RecordLink.objects.filter(connection=connection, resource=resource, state=RecordLink.State.ACTIVE)
    first = list(links.order_by("pk").values_list("record_id", "external_id", "base")[:MOST_COMPARED])
    samples: list[Sample] = []
    differ = 0
    with database.cursor() as cursor:
        mine = sides.ours(cursor, route.target, [record_id for record_id, *_ in first])
    for record_id, key, base in first:
        fields = _fields(route, mine[record_id], base) if record_id in mine else []
        differ += bool(fields)
        if fields and len(samples) < SAMPLES:
            samples.append(Sample(external_id=key, record_id=record_id, fields=fields))
    return Difference(
        linked=links.count(),
        compared=len(first),
        differ=differ,
        only_here=_only_here(route) if route.resource.write and route.resource.write.create else None,
        samples=samples,
    )


def switch_on(connection: Connection, resource: str, *, creates: bool, user: Any = None) -> SyncRun | None:
    """From now on what changes here is changed there; everything that differs by now is found by comparing once. Returns the
    run that begins with it, None where it sent already. Raises as `route_of`."""
    route = route_of(connection, resource)
    with transaction.atomic():
        state = positions.state_of(connection, resource)
        if state.sends and state.creates == creates:
            return None
        state.sends, state.creates = True, creates
        state.save(update_fields=["sends", "creates"])
        stage.begin(route, state)
        wishes.begin_looking(connection, resource)
        return services.request_sync(connection, resource, user=user)[0]


def switch_off(connection: Connection, resource: str) -> None:
    """Nothing is sent any more. What waited is forgotten; what may have arrived stays to be looked into. KeyError for an
    unknown resource."""
    registry.get(connection.provider).resource(resource)
    with transaction.atomic():
        state = positions.state_of(connection, resource)
        state.sends = state.creates = state.comparing = False
        state.save(update_fields=["sends", "creates", "comparing"])
        wishes.stop_looking(connection, resource)
        waiting = (State.READY, State.WAITING, State.REFUSED)
        outbox.of(connection, resource).filter(state__in=waiting).delete()
        ChangePosition.objects.filter(pk=stage.consumer_of(connection, resource)).delete()
        asked = SyncRun.objects.filter(connection=connection, resource=resource, state=SyncRun.State.PLANNED)
        for run in asked.exclude(send_plan=""):
            run.state, run.message = SyncRun.State.CANCELLED, f"{run.message} Sending was switched off."
            run.save(update_fields=["state", "message"])


def _fields(route: Route, mine: sides.Mine, base: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    agreed = sides.agreed(route.target, base)
    try:
        spoken = sides.spoken(route.target, mine, base)
    except sides.Unsendable as reason:
        return [("", "", str(reason))]
    return [(name, agreed.get(name), value) for name, value in sides.changes(route, spoken, agreed).items()]


def _only_here(route: Route) -> int:
    statement = sql.SQL(
        "SELECT count(*) FROM {} t WHERE NOT EXISTS (SELECT FROM integrations_recordlink l"
        " WHERE l.record_id = t.id AND l.connection_id = %s AND l.resource = %s)"
    ).format(table(route.target.model).name)
    with database.cursor() as cursor:
        cursor.execute(statement, [route.connection.pk, route.resource.name])
        return int(cursor.fetchone()[0])
