"""Conflicts as a batch finds them: kept until a person decides or both sides agree again, a fixed number of statements."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.backends.utils import CursorWrapper
from psycopg.types.json import Jsonb

from integrations.changes import overruled
from integrations.changes.origins import of_connection
from integrations.conflicts.models import Conflict
from integrations.connections.models import Connection
from integrations.targets import Target

from .batch import Conflicting, Effect, Route, new_id
from .rebuild import columns_of
from .sides import Sides

# One open row per link, field and part; the same three values again write nothing.
_KEEP = """
INSERT INTO integrations_conflict (id, connection_id, resource, link_id, target, record_id, field, part, agreed, base, ours,
    theirs, ours_by, ours_at, theirs_at, run_id, version, state, resolution, resolved_by, created_at, updated_at)
SELECT n.id, %(connection)s, %(resource)s, n.link, %(target)s, n.record, n.field, n.part, n.agreed, n.base, n.ours, n.theirs,
    coalesce(n.ours_by, ''), n.ours_at, n.theirs_at, %(run)s, 1, 'open', '', '', %(now)s, %(now)s
FROM unnest(%(ids)s::uuid[], %(links)s::uuid[], %(records)s::uuid[], %(fields)s::text[], %(parts)s::text[],
    %(agreed)s::bool[], %(bases)s::jsonb[], %(ours)s::jsonb[], %(theirs)s::jsonb[], %(ours_by)s::text[],
    %(ours_at)s::timestamptz[], %(theirs_at)s::timestamptz[])
    AS n (id, link, record, field, part, agreed, base, ours, theirs, ours_by, ours_at, theirs_at)
ON CONFLICT (link_id, field, part) WHERE state = 'open' DO UPDATE
SET agreed = excluded.agreed, base = excluded.base, ours = excluded.ours, theirs = excluded.theirs,
    ours_by = excluded.ours_by, ours_at = excluded.ours_at, theirs_at = excluded.theirs_at, run_id = excluded.run_id,
    record_id = excluded.record_id, updated_at = excluded.updated_at, version = integrations_conflict.version + 1
WHERE (integrations_conflict.record_id, integrations_conflict.ours, integrations_conflict.theirs)
    IS DISTINCT FROM (excluded.record_id, excluded.ours, excluded.theirs)
"""
_END = """
UPDATE integrations_conflict c SET state = 'moot', resolved_at = %s, updated_at = %s
WHERE c.state = 'open' AND c.link_id = ANY(%s::uuid[])
    AND NOT EXISTS (SELECT FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS k (link, field, part)
        WHERE (k.link, k.field, k.part) = (c.link_id, c.field, c.part))
"""
_TIMES = """
SELECT w.record, w.name, last.at, last.origin
FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS w (record, part, name), LATERAL (
    SELECT s.at, s.origin FROM integrations_change c JOIN integrations_changeset s ON s.id = c.changeset_id
    WHERE c.aggregate_id = w.record AND c.target = %s AND c.part = w.part AND s.origin <> %s AND c.op <> 'overruled'
        AND (c.part <> '' OR c.op <> 'update' OR c.after ? w.name)
    ORDER BY c.id DESC LIMIT 1) last
"""


class LastChange(NamedTuple):
    """The newest change of a column or list by anybody but the connection itself."""

    at: datetime
    by: str


def open_fields(link_ids: Collection[UUID]) -> dict[UUID, set[str]]:
    """Fields that wait for a person, by link: neither side is written there, nor sent. One query."""
    found: dict[UUID, set[str]] = {}
    rows = Conflict.objects.filter(link__in=link_ids, state=Conflict.State.OPEN).order_by()
    for link, name in rows.values_list("link_id", "field"):
        found.setdefault(link, set()).add(name)
    return found


def open_fields_of(connection: Connection, resource: str, records: Collection[UUID]) -> dict[UUID, frozenset[str]]:
    """The same by record of ours, for one resource. One query."""
    found: dict[UUID, frozenset[str]] = {}
    rows = Conflict.objects.filter(
        connection=connection, resource=resource, link__record_id__in=records, state=Conflict.State.OPEN
    ).order_by()
    for record, name in rows.values_list("link__record_id", "field"):
        found[record] = found.get(record, frozenset()) | {name}
    return found


def any_open(route: Route) -> bool:
    return Conflict.objects.filter(
        connection=route.connection, resource=route.resource.name, state=Conflict.State.OPEN
    ).exists()


def sentences(found: int, undated: int) -> list[str]:
    """What a run's message says of fields that both sides changed."""
    said = []
    if found:
        said.append(f"{_fields(found)} changed on both sides and {'waits' if found == 1 else 'wait'} for a person.")
    if undated:
        said.append(
            f"{_fields(undated)} changed on both sides at times that are equal or not known: the vendor's value was taken."
        )
    return said


def without_base(cursor: CursorWrapper, effects: Iterable[Effect]) -> dict[Any, set[tuple[str, str]]]:
    """Open conflicts between two who never agreed, (field, part) by link: their base is none."""
    cursor.execute(
        "SELECT link_id, field, part FROM integrations_conflict WHERE state = 'open' AND NOT agreed AND link_id = ANY(%s)",
        [[effect.link_id for effect in effects if effect.linked]],
    )
    found: dict[Any, set[tuple[str, str]]] = {}
    for link, name, part in cursor.fetchall():
        found.setdefault(link, set()).add((name, part))
    return found


def times(cursor: CursorWrapper, route: Route, waiting: Iterable[Sides]) -> dict[tuple[Any, str], LastChange]:
    """When we changed what is contested, by (record, field). One query."""
    asked = {(sides.effect.record_id, one.field) for sides in waiting for one in sides.contested}
    return last_changes(cursor, route.target, of_connection(route.connection.pk), asked)


def keep(cursor: CursorWrapper, route: Route, written: Sequence[Effect], run_id: UUID | None, now: datetime) -> int:
    """Store the conflicts of what was written, and tell the feed what was overruled. Returns how many are new or newer."""
    told = [overruled.Overruled(one.record_id, *one.overruled) for one in written if one.overruled]
    overruled.tell(route.target.name, told)
    # The last of several of theirs that are one link counts.
    found = {(one.link_id, each.field, each.part): (one, each) for one in written for each in one.conflicts}
    if not found:
        return 0
    asked = {(one.record_id, each.field) for one, each in found.values()}
    last = last_changes(cursor, route.target, of_connection(route.connection.pk), asked)
    said = [last.get((one.record_id, each.field)) for one, each in found.values()]
    kept: list[Conflicting] = [each for _, each in found.values()]
    cursor.execute(
        _KEEP,
        {
            "connection": route.connection.pk,
            "resource": route.resource.name,
            "target": route.target.name,
            "run": run_id,
            "now": now,
            "ids": [new_id() for _ in kept],
            "links": [one.link_id for one, _ in found.values()],
            "records": [one.record_id for one, _ in found.values()],
            "fields": [each.field for each in kept],
            "parts": [each.part for each in kept],
            "agreed": [each.agreed for each in kept],
            "bases": [_json(each.base) for each in kept],
            "ours": [_json(each.ours) for each in kept],
            "theirs": [_json(each.theirs) for each in kept],
            "ours_by": [one.by if one else None for one in said],
            "ours_at": [one.at if one else None for one in said],
            "theirs_at": [each.theirs_at for each in kept],
        },
    )
    return int(cursor.rowcount)


def end_those_agreed(cursor: CursorWrapper, written: Sequence[Effect], now: datetime) -> None:
    """Of the links just merged, what is no conflict any more."""
    still = [(one.link_id, each.field, each.part) for one in written for each in one.conflicts]
    links = [one.link_id for one in written if one.linked]
    if links:
        columns = [[one[index] for one in still] for index in range(3)]
        cursor.execute(_END, [now, now, links, *columns])


def last_changes(
    cursor: CursorWrapper, target: Target, but_not: str, asked: Collection[tuple[Any, str]]
) -> dict[tuple[Any, str], LastChange]:
    """Who changed these fields last, by (record, field): anybody but that origin. One query."""
    columns = columns_of(target.name)
    names = {columns.get(name, name): name for _, name in asked}
    wanted = [(record, "" if name in columns else name, columns.get(name, name)) for record, name in asked]
    cursor.execute(_TIMES, [*(list(column) for column in zip(*wanted, strict=True)), target.name, but_not])
    return {(record, names[name]): LastChange(at, by) for record, name, at, by in cursor.fetchall()}


def _fields(count: int) -> str:
    return f"{count:,} {'field' if count == 1 else 'fields'}"


def _json(value: Any) -> Jsonb | None:
    return None if value is None else Jsonb(value)
