"""A merge undone: every row, part, reference and link as it was, from the change feed's before-images. What has moved on since
stays as it is now, and is listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.db import IntegrityError, connection, models
from django.utils import timezone
from psycopg import sql
from psycopg.types.json import Jsonb

from integrations import targets
from integrations.changes import origins
from integrations.changes.models import Change
from integrations.conflicts.models import Conflict
from integrations.sync.copy import table
from integrations.sync.models import RecordLink
from integrations.targets import Target

from . import sidebyside
from .merging import NotMergeable
from .models import Merge

KEPT_FOR = timedelta(days=90)

_NOW = "SELECT {key}::text, to_jsonb(t)::text FROM {table} t WHERE {key}::text = ANY(%s) FOR NO KEY UPDATE"
_BACK = """
UPDATE {table} t SET {changes}{counted} FROM jsonb_populate_recordset(NULL::{table}, %s) n WHERE t.{key} = n.{key}
"""
_COUNTED = ", version = t.version + 1, updated_at = now()"
_AGAIN = "INSERT INTO {table} SELECT * FROM jsonb_populate_recordset(NULL::{table}, %s) ON CONFLICT ({key}) DO NOTHING"
_TAKEN = "SELECT {column}::text FROM {table} WHERE {column}::text = ANY(%s)"
_BASES = """
UPDATE integrations_recordlink SET base = base || jsonb_build_object(%s, %s::text)
WHERE id = ANY(%s::uuid[]) AND base ->> %s = %s
"""
# A link whose record changed there since is read anew: with the old base and no hash the next complete read applies it.
_LINKS = """
WITH moved AS (SELECT * FROM jsonb_to_recordset(%s) AS m (id uuid, base jsonb, content_hash text))
UPDATE integrations_recordlink l
SET record_id = %s, base = m.base, content_hash = CASE WHEN l.content_hash = m.content_hash THEN l.content_hash ELSE '' END
FROM moved m WHERE l.id = m.id AND l.record_id = %s RETURNING l.id::text, l.content_hash = ''
"""

Before = dict[str, Any]


class Undone(NamedTuple):
    """`moved_on`: what was not put back, a sentence each."""

    merge: Merge
    moved_on: list[str]


class _Table(NamedTuple):
    """A table that a merge wrote: of a target (part "") or of one of its parts."""

    target: Target
    part: str
    model: type[models.Model]

    @property
    def called(self) -> str:
        return f"{self.target.label}: {sidebyside.label(self.part).lower()}" if self.part else self.target.label


def undoable(merge: Merge) -> bool:
    return merge.undone_at is None and merge.created_at > timezone.now() - KEPT_FOR


def undo(merge: Merge, *, user: Any = None) -> Undone:
    """Put back what the merge changed, in one transaction under its own origin. Raises NotMergeable when it is too late, and
    has then changed nothing. A fixed number of statements per table that the merge wrote."""
    try:
        with origins.by(f"merge:{merge.pk}"):
            locked = Merge.objects.select_for_update().get(pk=merge.pk)
            if not undoable(locked):
                raise NotMergeable("It was undone already, or is older than 90 days.")
            moved_on = _undo(locked)
            locked.undone_at, locked.undone_by = timezone.now(), user
            locked.save(update_fields=["undone_at", "undone_by"])
    except IntegrityError as error:
        raise NotMergeable(
            "It cannot be undone as it is: something that must be unique is used by another record."
        ) from error
    return Undone(locked, moved_on)


def _undo(merge: Merge) -> list[str]:
    changes = list(Change.objects.filter(changeset_id=merge.changeset).order_by("pk")) if merge.changeset else []
    if not changes:
        raise NotMergeable("What was there before is no longer kept.")
    moved_on: list[str] = []
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        grouped = _by_table(changes)
        for one, its in grouped:
            moved_on += _values_back(cursor, one, [change for change in its if change.op == Change.Op.UPDATE])
        for one, its in grouped:
            gone = [change.before for change in its if change.op == Change.Op.DELETE and change.before]
            moved_on += _rows_back(cursor, one, gone)
        moved_on += _links_back(cursor, merge)
        for rewritten in merge.bases:
            kept, merged = str(merge.kept_id), str(merge.merged_id)
            cursor.execute(_BASES, [rewritten["field"], merged, rewritten["links"], rewritten["field"], kept])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    return moved_on


def _by_table(changes: Iterable[Change]) -> list[tuple[_Table, list[Change]]]:
    found: dict[tuple[str, str], list[Change]] = {}
    for change in changes:
        found.setdefault((change.target, change.part), []).append(change)
    tables = []
    for (name, part), its in found.items():
        target = targets.get(name)
        parts = {child.field: child.model for child in target.children}
        tables.append((_Table(target, part, parts[part] if part else target.model), its))
    return tables


def _values_back(cursor: Any, one: _Table, changes: Sequence[Change]) -> list[str]:
    """Columns that are still what the merge made of them get their old value."""
    if not changes:
        return []
    store, by_key = table(one.model), {change.row_key or str(change.aggregate_id): change for change in changes}
    key = sql.Identifier(store.key)
    cursor.execute(sql.SQL(_NOW).format(key=key, table=store.name), [list(by_key)])
    now = {row_key: orjson.loads(row) for row_key, row in cursor.fetchall()}
    moved_on: list[str] = []
    groups: dict[tuple[str, ...], list[Before]] = {}
    for row_key, change in by_key.items():
        before, after, row = change.before or {}, change.after or {}, now.get(row_key)
        if row is None:
            moved_on.append(f"{one.called}: a record that was changed is no longer there.")
            continue
        columns = tuple(sorted(name for name in before if row.get(name) == after.get(name)))
        moved_on += [_changed_since(one, row, name) for name in before if name not in columns]
        if columns:
            groups.setdefault(columns, []).append(
                {store.key: row[store.key], **{name: before[name] for name in columns}}
            )
    for columns, rows in groups.items():
        assigned = sql.SQL(", ").join(sql.SQL("{0} = n.{0}").format(sql.Identifier(name)) for name in columns)
        counted = sql.SQL("" if one.part else _COUNTED)
        statement = sql.SQL(_BACK).format(table=store.name, changes=assigned, counted=counted, key=key)
        cursor.execute(statement, [Jsonb(rows)])
    return moved_on


def _rows_back(cursor: Any, one: _Table, rows: Sequence[Before]) -> list[str]:
    """Deleted rows stand where they stood. A number that another record has meanwhile stays with that."""
    if not rows:
        return []
    store = table(one.model)
    moved_on: list[str] = []
    kept = [dict(row) for row in rows]
    for field in one.model._meta.concrete_fields:
        if field.unique and not field.primary_key and field.null:
            moved_on += _without_taken(cursor, one, field, kept)
    cursor.execute(sql.SQL(_AGAIN).format(table=store.name, key=sql.Identifier(store.key)), [Jsonb(kept)])
    if cursor.rowcount < len(kept):
        moved_on.append(f"{one.called}: a record that was merged away is there again already, and stays as it is.")
    return moved_on


def _without_taken(cursor: Any, one: _Table, field: models.Field[Any, Any], rows: list[Before]) -> list[str]:
    column = str(field.column)
    values = [str(row[column]) for row in rows if row[column] is not None]
    if not values:
        return []
    statement = sql.SQL(_TAKEN).format(column=sql.Identifier(column), table=table(one.model).name)
    cursor.execute(statement, [values])
    taken = {value for (value,) in cursor.fetchall()}
    for row in rows:
        if str(row[column]) in taken:
            row[column] = None
    label = sidebyside.label(field.name).lower()
    return [f"{one.called}: the {label} {value} is used by another record now." for value in sorted(taken)]


def _links_back(cursor: Any, merge: Merge) -> list[str]:
    if not merge.links:
        return []
    cursor.execute(_LINKS, [Jsonb(merge.links), merge.merged_id, merge.kept_id])
    back = dict(cursor.fetchall())
    Conflict.objects.filter(link__in=list(back)).update(record_id=merge.merged_id)
    missing = [UUID(one["id"]) for one in merge.links if one["id"] not in back]
    changed = [UUID(link) for link, anew in back.items() if anew]
    names = {
        link.pk: f"{link.connection.name}, {link.resource} {link.external_id}"
        for link in RecordLink.objects.filter(pk__in=[*missing, *changed]).select_related("connection").defer("base")
    }
    return [
        *(f"Link {names[pk]}: it belongs to another record now." for pk in missing if pk in names),
        *(f"Link {names[pk]}: it has changed there since; a complete sync brings that." for pk in changed),
        *("A link is no longer there." for pk in missing if pk not in names),
    ]


def _changed_since(one: _Table, row: Mapping[str, Any], column: str) -> str:
    name = next((row[field] for field in ("display_name", "name", "number") if row.get(field)), "")
    return f"{one.called} {name}: {sidebyside.label(column.removesuffix('_id')).lower()} has changed since.".replace(
        " :", ":"
    )
