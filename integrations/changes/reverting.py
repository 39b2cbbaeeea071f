"""The statements by which a change set is taken back. Each works on all rows of one target, or of one of its parts, at once.

The changes stand in a temporary table, in layers: the newest change of every row is layer 1, the one before it layer 2. Values
never leave the database: they go back as they were kept, to the last digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.apps import apps
from django.db import models
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from integrations.targets import Children, Target

CHANGED, USED, REFUSED = "changed", "used", "refused"
UNTOLD = ("version", "created_at", "updated_at")

_LOAD = """
CREATE TEMPORARY TABLE reverting AS
SELECT c.id, c.target, c.aggregate_id, c.part, c.row_key, c.op, c.before, c.after,
    row_number() OVER (PARTITION BY c.target, c.aggregate_id, c.part, c.row_key ORDER BY c.id DESC)::int AS layer
FROM integrations_change c
WHERE c.changeset_id = %(set)s AND c.op <> 'overruled' AND (%(only)s::uuid[] IS NULL OR c.aggregate_id = ANY(%(only)s::uuid[]))
"""
# Who changed a record, or a part of it, after the change set did: the last of them.
_LATER = """
CREATE TEMPORARY TABLE moved_on AS
SELECT DISTINCT ON (r.target, r.aggregate_id, c.part) r.target, r.aggregate_id, c.part, s.origin
FROM (SELECT target, aggregate_id, min(id) AS since FROM reverting GROUP BY target, aggregate_id) r
JOIN integrations_change c ON c.aggregate_id = r.aggregate_id AND c.target = r.target AND c.id > r.since
JOIN integrations_changeset s ON s.id = c.changeset_id
WHERE c.op <> 'overruled' AND c.changeset_id <> ALL(%(sets)s::bigint[])
    AND (s.run_id IS NULL OR s.run_id <> ALL(%(runs)s::uuid[]))
    AND NOT (s.xid = pg_current_xact_id()::text::bigint AND c.id > %(mark)s)
ORDER BY r.target, r.aggregate_id, c.part, c.id DESC
"""
_BRING_BACK = """
INSERT INTO {table} ({columns}, version, updated_at)
SELECT {p_columns}, p.version + 1, clock_timestamp()
FROM reverting r CROSS JOIN LATERAL jsonb_populate_record(NULL::{table}, r.before) p
WHERE r.layer = %s AND r.target = %s AND r.part = '' AND r.op = 'delete'
    AND NOT EXISTS (SELECT FROM {table} t WHERE t.{key} = r.aggregate_id)
RETURNING {key}
"""
_UPDATED = """
SELECT r.aggregate_id, t.{key} IS NULL, coalesce((
    SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(r.after) k
    WHERE to_jsonb(t) -> k IS DISTINCT FROM r.after -> k AND to_jsonb(t) -> k IS DISTINCT FROM r.before -> k), '{{}}'),
    coalesce((SELECT m.origin FROM moved_on m
              WHERE m.target = r.target AND m.aggregate_id = r.aggregate_id AND m.part = ''), '')
FROM reverting r LEFT JOIN {table} t ON t.{key} = r.aggregate_id
WHERE r.layer = %s AND r.target = %s AND r.part = '' AND r.op = 'update'
"""
_LOCK = """
SELECT FROM {table} WHERE {key} IN (SELECT aggregate_id FROM reverting WHERE layer = %s AND target = %s)
ORDER BY {key} FOR NO KEY UPDATE
"""
_SET_BACK = """
UPDATE {table} t SET ({columns}, version, updated_at) = (
    SELECT {p_columns}, t.version + 1, clock_timestamp() FROM jsonb_populate_record(t, x.patch) p)
FROM (
    SELECT r.aggregate_id, (
        SELECT jsonb_object_agg(k, r.before -> k) FROM jsonb_object_keys(r.after) k
        WHERE to_jsonb(o) -> k IS NOT DISTINCT FROM r.after -> k) AS patch
    FROM reverting r JOIN {table} o ON o.{key} = r.aggregate_id
    WHERE r.layer = %s AND r.target = %s AND r.part = '' AND r.op = 'update') x
WHERE t.{key} = x.aggregate_id AND x.patch IS NOT NULL
RETURNING t.{key}
"""
# A part is exchanged whole, of a record that is here and was not made by the same change set.
_EXCHANGEABLE = """
CREATE TEMPORARY TABLE exchanging AS
SELECT r.* FROM reverting r
WHERE r.layer = %(layer)s AND r.target = %(target)s AND r.part = %(part)s
    AND EXISTS (SELECT FROM {root} t WHERE t.{root_key} = r.aggregate_id)
    AND NOT EXISTS (SELECT FROM reverting n WHERE n.target = r.target AND n.aggregate_id = r.aggregate_id AND n.part = ''
                    AND n.op = 'insert')
    AND NOT EXISTS (SELECT FROM moved_on m WHERE m.target = r.target AND m.aggregate_id = r.aggregate_id AND m.part = r.part)
"""
_LEFT = """
SELECT DISTINCT r.aggregate_id, m.origin FROM reverting r
JOIN moved_on m ON m.target = r.target AND m.aggregate_id = r.aggregate_id AND m.part = r.part
WHERE r.layer = %(layer)s AND r.target = %(target)s AND r.part = %(part)s
    AND NOT EXISTS (SELECT FROM reverting n WHERE n.target = r.target AND n.aggregate_id = r.aggregate_id AND n.part = ''
                    AND n.op = 'insert')
"""
_OUT = "DELETE FROM {table} WHERE {key} IN (SELECT row_key::{type} FROM exchanging WHERE op = 'insert')"
_IN = """
INSERT INTO {table} ({columns}) SELECT {p_columns}
FROM exchanging r CROSS JOIN LATERAL jsonb_populate_record(NULL::{table}, r.before) p WHERE r.op = 'delete'
"""
_AS_BEFORE = """
UPDATE {table} t SET ({columns}) = (SELECT {p_columns} FROM jsonb_populate_record(t, r.before) p)
FROM exchanging r WHERE r.op = 'update' AND t.{key} = r.row_key::{type}
"""
_MADE = """
SELECT r.aggregate_id, (SELECT m.origin FROM moved_on m WHERE m.target = r.target AND m.aggregate_id = r.aggregate_id LIMIT 1)
FROM reverting r JOIN {table} t ON t.{key} = r.aggregate_id
WHERE r.layer = %s AND r.target = %s AND r.part = '' AND r.op = 'insert'
"""
_REFERRED = "SELECT {column}, count(*) FROM {table} WHERE {column} = ANY(%s) GROUP BY {column}"
_DELETE = "DELETE FROM {table} WHERE {column} = ANY(%s)"


class Own(NamedTuple):
    """Whose changes do not count as made since: of these sets, of these runs, and of this transaction after `mark`."""

    sets: list[int]
    runs: list[UUID]
    mark: int


def mark(cursor: CursorWrapper) -> int:
    cursor.execute("SELECT coalesce(max(id), 0) FROM integrations_change")
    return int(cursor.fetchone()[0])


def load(cursor: CursorWrapper, change_set: int, only: Sequence[UUID] | None, own: Own) -> int:
    """Put a change set's changes where the steps find them; returns how many layers they have."""
    unload(cursor)
    cursor.execute(_LOAD, {"set": change_set, "only": None if only is None else list(only)})
    cursor.execute(_LATER, own._asdict())
    cursor.execute("SELECT coalesce(max(layer), 0) FROM reverting")
    return int(cursor.fetchone()[0])


def check(cursor: CursorWrapper) -> None:
    """What is broken is found here, inside the savepoint, and not when everything is committed."""
    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def unload(cursor: CursorWrapper) -> None:
    cursor.execute("DROP TABLE IF EXISTS pg_temp.reverting, pg_temp.moved_on, pg_temp.exchanging")


def targets_of(cursor: CursorWrapper, layer: int) -> list[str]:
    cursor.execute("SELECT DISTINCT target FROM reverting WHERE layer = %s ORDER BY target", [layer])
    return [row[0] for row in cursor.fetchall()]


def records_of(cursor: CursorWrapper, change_set: int) -> list[UUID]:
    cursor.execute(
        "SELECT DISTINCT aggregate_id FROM integrations_change WHERE changeset_id = %s ORDER BY aggregate_id",
        [change_set],
    )
    return [row[0] for row in cursor.fetchall()]


def target_of(cursor: CursorWrapper, change_set: int, record_id: UUID) -> str:
    cursor.execute(
        "SELECT target FROM integrations_change WHERE changeset_id = %s AND aggregate_id = %s LIMIT 1",
        [change_set, record_id],
    )
    return str(cursor.fetchone()[0])


def said(error: Exception) -> str:
    """The database's own words: `Key (member_number)=(A1) already exists.`"""
    diagnosis = getattr(error.__cause__, "diag", None)
    return (diagnosis and (diagnosis.message_detail or diagnosis.message_primary)) or "the database refuses it"


class Step:
    """What one layer of the changes of one target's records takes."""

    def __init__(self, cursor: CursorWrapper, target: Target, layer: int) -> None:
        self.cursor, self.target, self.layer = cursor, target, layer
        self.model = target.model
        self.which = [layer, target.name]

    def bring_back(self) -> tuple[list[UUID], list[UUID]]:
        """Records that are here again, and those that somebody else has made again."""
        restored = self._ids(_BRING_BACK, self.model, but=("version", "updated_at"))
        self.cursor.execute(
            "SELECT aggregate_id FROM reverting WHERE layer = %s AND target = %s AND part = '' AND op = 'delete'",
            self.which,
        )
        wanted = [row[0] for row in self.cursor.fetchall()]
        return restored, [pk for pk in wanted if pk not in set(restored)]

    def differing(self) -> tuple[list[UUID], list[tuple[UUID, list[str], str]]]:
        """Changed records that are gone, and columns that hold something else by now (with who changed the record last)."""
        self._execute(_LOCK, self.model)
        self._execute(_UPDATED, self.model)
        found = self.cursor.fetchall()
        return [pk for pk, gone, _, _ in found if gone], [
            (pk, columns, origin) for pk, gone, columns, origin in found if columns and not gone
        ]

    def set_back(self) -> list[UUID]:
        return self._ids(_SET_BACK, self.model, but=("id", *UNTOLD))

    def exchange(self, child: Children) -> tuple[list[UUID], list[tuple[UUID, str]]]:
        """Records whose rows of this part are as before, and those whose rows were changed since (by whom)."""
        given = {"layer": self.layer, "target": self.target.name, "part": child.field}
        root = {"root": sql.Identifier(self.model._meta.db_table), "root_key": sql.Identifier(_key(self.model))}
        self.cursor.execute("DROP TABLE IF EXISTS pg_temp.exchanging")
        self.cursor.execute(sql.SQL(_EXCHANGEABLE).format(**root), given)
        self.cursor.execute("SELECT DISTINCT aggregate_id FROM exchanging")
        exchanged = [row[0] for row in self.cursor.fetchall()]
        if exchanged:
            for statement in (_OUT, _IN, _AS_BEFORE):
                self.cursor.execute(_composed(statement, child.model))
        self.cursor.execute(_LEFT, given)
        return exchanged, self.cursor.fetchall()

    def made(self) -> tuple[list[UUID], list[tuple[UUID, str]]]:
        """Records the change set made that nobody has touched since, and those that somebody has."""
        self._execute(_MADE, self.model)
        found = self.cursor.fetchall()
        return [pk for pk, origin in found if origin is None], [row for row in found if row[1] is not None]

    def referred(self, ids: Sequence[UUID]) -> dict[UUID, str]:
        """Which of these records rows of other tables point at, and how many of which."""
        found: dict[UUID, str] = {}
        for field in pointing_at(self.target) if ids else ():
            statement = sql.SQL(_REFERRED).format(
                table=sql.Identifier(field.model._meta.db_table), column=sql.Identifier(str(field.column))
            )
            self.cursor.execute(statement, [list(ids)])
            meta = field.model._meta
            for pk, count in self.cursor.fetchall():
                words = meta.verbose_name if count == 1 else meta.verbose_name_plural
                found[pk] = "; ".join(filter(None, (found.get(pk, ""), f"{count:,} {words}")))
        return found

    def delete(self, ids: Sequence[UUID]) -> int:
        """The records with all their parts."""
        if ids:
            for child in self.target.children:
                column = str(child.model._meta.get_field(child.parent).column)
                self._delete(child.model, column, ids)
            self._delete(self.model, _key(self.model), ids)
        return len(ids)

    def _delete(self, model: type[models.Model], column: str, ids: Sequence[UUID]) -> None:
        statement = sql.SQL(_DELETE).format(table=sql.Identifier(model._meta.db_table), column=sql.Identifier(column))
        self.cursor.execute(statement, [list(ids)])

    def _execute(self, statement: str, model: type[models.Model], but: Sequence[str] = ()) -> None:
        self.cursor.execute(_composed(statement, model, but), self.which)

    def _ids(self, statement: str, model: type[models.Model], but: Sequence[str]) -> list[UUID]:
        self._execute(statement, model, but)
        return [row[0] for row in self.cursor.fetchall()]


def _composed(statement: str, model: type[models.Model], but: Sequence[str] = ()) -> sql.Composed:
    """The statement for a table: its key, and its columns but some, alone and as those of `p`."""
    columns = [sql.Identifier(str(one.column)) for one in model._meta.concrete_fields if one.column not in but]
    return sql.SQL(statement).format(
        table=sql.Identifier(model._meta.db_table),
        key=sql.Identifier(_key(model)),
        type=sql.SQL("uuid" if isinstance(model._meta.pk, models.UUIDField) else "bigint"),
        columns=sql.SQL(", ").join(columns),
        p_columns=sql.SQL(", ").join(sql.SQL("p.{}").format(column) for column in columns),
    )


def _key(model: type[models.Model]) -> str:
    return str(model._meta.pk.column)


def pointing_at(target: Target) -> list[Any]:
    """Columns of other tables that hold ids of this one; its own parts are deleted with it."""
    parts = {child.model for child in target.children}
    return [
        field
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and field.related_model is target.model and model not in parts
    ]
