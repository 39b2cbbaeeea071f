"""References between records of one connection: their keys -> our ids, for a whole batch at once; what is not here yet is
settled when it has come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from integrations import targets
from integrations.connections.models import Connection
from integrations.targets import Target

from .batch import Route
from .columns import array_of_texts
from .intake import Incoming

# The row itself must be there: a link may outlive a row that somebody deleted here.
_RESOLVE = """
SELECT k.key, l.record_id FROM unnest(%(keys)s::text[]) AS k (key), LATERAL (
    SELECT l.record_id FROM integrations_recordlink l JOIN {table} r ON r.id = l.record_id
    WHERE l.connection_id = %(connection)s AND l.resource = %(resource)s AND l.external_id = k.key
        AND l.target = %(target)s AND l.state <> 'unlinked'
    LIMIT 1
) AS l
"""
_PENDING = """
SELECT DISTINCT target, jsonb_object_keys(refs) FROM integrations_recordlink
WHERE connection_id = %s AND refs IS NOT NULL
"""
# Ours is taken over only where nobody here has meanwhile said something else than both sides last agreed on. Where a person is
# asked, they are shown what has come, and neither ours nor the base is touched.
_SETTLE = """
WITH found AS (
    SELECT l.id AS link_id, l.record_id, r.id AS ref_id, l.base ->> {name} AS agreed, c.id AS conflict, c.agreed AS keeps
    FROM integrations_recordlink l
    LEFT JOIN integrations_conflict c ON c.link_id = l.id AND c.field = {name} AND c.state = 'open'
    JOIN integrations_recordlink p ON p.connection_id = l.connection_id
        AND p.resource = l.refs -> {name} ->> 0 AND p.external_id = l.refs -> {name} ->> 1
        AND p.target = {ref_target} AND p.state <> 'unlinked'
    JOIN {ref_table} r ON r.id = p.record_id
    WHERE l.connection_id = %(connection)s AND l.target = {target} AND l.refs ? {name}
), linked AS (
    UPDATE integrations_recordlink l
    SET refs = nullif(l.refs - {name}, '{{}}'::jsonb),
        base = CASE WHEN f.keeps THEN l.base ELSE l.base || jsonb_build_object({name}, f.ref_id) END
    FROM found f WHERE l.id = f.link_id
), asked AS (
    UPDATE integrations_conflict c SET theirs = to_jsonb(f.ref_id), version = c.version + 1, updated_at = now()
    FROM found f WHERE c.id = f.conflict
)
UPDATE {table} t SET {column} = f.ref_id, version = t.version + 1, updated_at = now()
FROM found f
WHERE t.id = f.record_id AND f.conflict IS NULL
    AND t.{column} IS NOT DISTINCT FROM f.agreed::uuid AND t.{column} IS DISTINCT FROM f.ref_id
"""


def resolve(cursor: CursorWrapper, route: Route, batch: Iterable[Incoming]) -> None:
    """Put our ids in place of their keys; what is not known stays in `pending`. One query per referenced resource."""
    batch = list(batch)
    for name, resource in route.mapping.refs.items():
        keys = {incoming.refs[name][1] for incoming in batch if name in incoming.refs}
        ids = _ids(cursor, route, name, resource, keys) if keys else {}
        for incoming in batch:
            if name not in incoming.refs:
                continue
            record_id = ids.get(incoming.refs[name][1])
            incoming.data[name] = record_id
            if record_id is None:
                incoming.pending[name] = incoming.refs[name]


def keys_of(cursor: CursorWrapper, route: Route, ids: Iterable[UUID], resource: str) -> dict[UUID, str]:
    """The way back: their keys of our records."""
    cursor.execute(
        "SELECT record_id, external_id FROM integrations_recordlink"
        " WHERE connection_id = %s AND resource = %s AND record_id = ANY(%s) AND state = 'active'",
        [route.connection.pk, resource, list(ids)],
    )
    return dict(cursor.fetchall())


def settle(connection: Connection) -> int:
    """Fill in what has arrived since: one statement per (target, field). Returns how many records were changed."""
    settled = 0
    with database.cursor() as cursor:
        cursor.execute(_PENDING, [connection.pk])
        for target_name, name in cursor.fetchall():
            target = targets.get(target_name)
            if name in target.refs:
                cursor.execute(_settle(target, name), {"connection": connection.pk})
                settled += cursor.rowcount
    return settled


def _ids(cursor: CursorWrapper, route: Route, name: str, resource: str, keys: set[str]) -> dict[str, UUID]:
    ref_target = targets.get(route.target.refs[name])
    statement = sql.SQL(_RESOLVE).format(table=sql.Identifier(ref_target.model._meta.db_table))
    asked = {"connection": route.connection.pk, "resource": resource, "target": ref_target.name}
    cursor.execute(statement, {**asked, "keys": array_of_texts(keys)})
    return dict(cursor.fetchall())


def _settle(target: Target, name: str) -> sql.Composed:
    ref_target = targets.get(target.refs[name])
    parts: dict[str, Any] = {
        "name": sql.Literal(name),
        "target": sql.Literal(target.name),
        "ref_target": sql.Literal(ref_target.name),
        "ref_table": sql.Identifier(ref_target.model._meta.db_table),
        "table": sql.Identifier(target.model._meta.db_table),
        "column": sql.Identifier(f"{name}_id"),
    }
    return sql.SQL(_SETTLE).format(**parts)
