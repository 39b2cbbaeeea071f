"""The statements by which a change set is taken back. Each works on all rows of one target, or of one of its parts, at once.
`{row}` is the key of the row that a change is of.

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

CHANGED, USED, REFUSED, TAKEN = "changed", "used", "refused", "taken"
COUNTED = ("version", "updated_at")

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
INSERT INTO {table} ({columns}{counted})
SELECT {p_columns}{p_counted}
FROM reverting r CROSS JOIN LATERAL jsonb_populate_record(NULL::{table}, r.before) p
WHERE r.layer = %(layer)s AND r.target = %(target)s AND r.part = %(part)s AND r.op = 'delete'
    AND NOT EXISTS (SELECT FROM {table} t WHERE t.{key} = {row})
RETURNING {key}
"""
_DELETED = """
SELECT r.aggregate_id, {row} FROM reverting r
WHERE r.layer = %(layer)s AND r.target = %(target)s AND r.part = %(part)s AND r.op = 'delete'
"""
# A row that is to come back comes without the value that only one may have and another row has by now.
_LEAVE_TAKEN = """
UPDATE reverting r SET before = r.before || jsonb_build_object(x.name, NULL)
FROM (
    SELECT r.id, {name} AS name, t.{column}::text AS value
    FROM reverting r CROSS JOIN LATERAL jsonb_populate_record(NULL::{table}, r.before) p
    JOIN {table} t ON t.{column} = p.{column} AND t.{key} <> p.{key}
    WHERE r.layer = %(layer)s AND r.target = %(target)s AND r.part = %(part)s AND r.op = 'delete') x
WHERE r.id = x.id RETURNING r.aggregate_id, x.name, x.value
"""
_UPDATED = """
SELECT r.aggregate_id, t.{key} IS NULL, coalesce((
    SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(r.after) k
    WHERE to_jsonb(t) -> k IS DISTINCT FROM r.after -> k AND to_jsonb(t) -> k IS DISTINCT FROM r.before -> k), '{{}}'),
    coalesce((SELECT m.origin FROM moved_on m
              WHERE m.target = r.target AND m.aggregate_id = r.aggregate_id AND m.part = r.part), '')
FROM reverting r LEFT JOIN {table} t ON t.{key} = {row}
WHERE r.layer = %(layer)s AND r.target = %(target)s AND r.part = %(part)s AND r.op = 'update'
"""
_LOCK = """
SELECT FROM {table} WHERE {key} IN (
    SELECT {row} FROM reverting r WHERE r.layer = %(layer)s AND r.target = %(target)s AND r.part = %(part)s)
ORDER BY {key} FOR NO KEY UPDATE
"""
_SET_BACK = """
UPDATE {table} t SET ({columns}{counted}) = (SELECT {p_columns}{p_counted} FROM jsonb_populate_record(t, x.patch) p)
FROM (
    SELECT r.aggregate_id, o.{key} AS key, (
        SELECT jsonb_object_agg(k, r.before -> k) FROM jsonb_object_keys(r.after) k
        WHERE to_jsonb(o) -> k IS NOT DISTINCT FROM r.after -> k) AS patch
    FROM reverting r JOIN {table} o ON o.{key} = {row}
    WHERE r.layer = %(layer)s AND r.target = %(target)s AND r.part = %(part)s AND r.op = 'update') x
WHERE t.{key} = x.key AND x.patch IS NOT NULL
RETURNING x.aggregate_id
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
WHERE r.layer = %(layer)s AND r.target = %(target)s AND r.part = '' AND r.op = 'insert'
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
    """What one layer of the changes of one target's records takes; with a `child`, of that part's rows, each for itself."""

    def __init__(self, cursor: CursorWrapper, target: Target, layer: int, child: Children | None = None) -> None:
        self.cursor, self.target, self.child = cursor, target, child
        self.model = child.model if child else target.model
        self.part = child.field if child else ""
        self.which = {"layer": layer, "target": target.name, "part": self.part}

    def of(self, child: Children) -> Step:
        return Step(self.cursor, self.target, self.which["layer"], child)

    def differing(self) -> tuple[list[UUID], list[tuple[UUID, list[str], str]]]:
        """Records of changed rows that are gone, and columns that hold something else by now (with who changed them last)."""
        self._execute(_LOCK)
        self._execute(_UPDATED)
        found = self.cursor.fetchall()
        return [pk for pk, gone, _, _ in found if gone], [
            (pk, columns, origin) for pk, gone, columns, origin in found if columns and not gone
        ]

    def set_back(self) -> set[UUID]:
        """Records that have an old value again."""
        self._execute(_SET_BACK, but=(_key(self.model), "created_at", *COUNTED))
        return {row[0] for row in self.cursor.fetchall()}

    def leave_taken(self) -> list[tuple[UUID, str, str]]:
        """Rows that are to come back do so without what must be unique and is another's by now: (record, column, value)."""
        found: list[tuple[UUID, str, str]] = []
        for field in self.model._meta.concrete_fields:
            if field.unique and field.null:
                column = str(field.column)
                self._execute(_LEAVE_TAKEN, column=sql.Identifier(column), name=sql.Literal(column))
                found += self.cursor.fetchall()
        return found

    def bring_back(self) -> tuple[set[UUID], list[UUID]]:
        """Records whose deleted rows are here again, and those whose rows somebody else has made again."""
        self._execute(_BRING_BACK, but=COUNTED)
        restored = {row[0] for row in self.cursor.fetchall()}
        self._execute(_DELETED)
        found = self.cursor.fetchall()
        return {pk for pk, row in found if row in restored}, [pk for pk, row in found if row not in restored]

    def exchange(self, child: Children) -> tuple[list[UUID], list[tuple[UUID, str]]]:
        """Records whose rows of this part are as before, and those whose rows were changed since (by whom)."""
        given = self.which | {"part": child.field}
        root = {"root": sql.Identifier(self.model._meta.db_table), "root_key": sql.Identifier(_key(self.model))}
        self.cursor.execute("DROP TABLE IF EXISTS pg_temp.exchanging")
        self.cursor.execute(sql.SQL(_EXCHANGEABLE).format(**root), given)
        self.cursor.execute("SELECT DISTINCT aggregate_id FROM exchanging")
        exchanged = [row[0] for row in self.cursor.fetchall()]
        if exchanged:
            for statement in (_OUT, _IN, _AS_BEFORE):
                self.of(child)._execute(statement)
        self.cursor.execute(_LEFT, given)
        return exchanged, self.cursor.fetchall()

    def made(self) -> tuple[list[UUID], list[tuple[UUID, str]]]:
        """Records the change set made that nobody has touched since, and those that somebody has."""
        self._execute(_MADE)
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

    def _execute(self, statement: str, but: Sequence[str] = (), **more: sql.Composable) -> None:
        """Run a statement with the table, its key and its columns (without `but`), alone and as those of `p`."""
        meta = self.model._meta
        type_ = sql.SQL("uuid" if isinstance(meta.pk, models.UUIDField) else "bigint")
        columns = [sql.Identifier(str(one.column)) for one in meta.concrete_fields if one.column not in but]
        counts = any(one.column == "version" for one in meta.concrete_fields)
        composed = sql.SQL(statement).format(
            table=sql.Identifier(meta.db_table),
            key=sql.Identifier(_key(self.model)),
            type=type_,
            row=sql.SQL("r.row_key::{}").format(type_) if self.child else sql.SQL("r.aggregate_id"),
            columns=sql.SQL(", ").join(columns),
            p_columns=sql.SQL(", ").join(sql.SQL("p.{}").format(column) for column in columns),
            counted=sql.SQL(", version, updated_at" if counts else ""),
            p_counted=sql.SQL(", p.version + 1, clock_timestamp()" if counts else ""),
            **more,
        )
        self.cursor.execute(composed, self.which)


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
