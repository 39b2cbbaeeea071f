"""Records that could not be applied, kept with every reason until the same record can be."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db.backends.utils import CursorWrapper
from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from .batch import Route
from .columns import array_of_texts
from .intake import Rejected
from .models import QuarantinedRecord

LONGEST_BODY = 20_000
MOST_REASONS = 50
LONGEST_MESSAGE = 500

# One open row per record; the same record refused again for the same reasons writes nothing.
_KEEP = """
INSERT INTO integrations_quarantinedrecord
    (id, connection_id, run_id, resource, external_id, reasons, body, created_at)
SELECT n.id, %(connection)s, %(run)s, %(resource)s, n.key, n.reasons, n.body, %(now)s
FROM unnest(%(ids)s::uuid[], %(keys)s::text[], %(reasons)s::jsonb[], %(bodies)s::text[]) AS n (id, key, reasons, body)
WHERE n.key <> '' OR NOT EXISTS (
    SELECT FROM integrations_quarantinedrecord q
    WHERE q.connection_id = %(connection)s AND q.resource = %(resource)s AND q.external_id = '' AND q.resolved_at IS NULL
      AND q.body = n.body)
ON CONFLICT (connection_id, resource, external_id) WHERE resolved_at IS NULL AND NOT external_id = '' DO UPDATE
SET reasons = excluded.reasons, body = excluded.body, run_id = excluded.run_id, created_at = excluded.created_at
WHERE (integrations_quarantinedrecord.reasons, integrations_quarantinedrecord.body)
    IS DISTINCT FROM (excluded.reasons, excluded.body)
"""
_RESOLVE = """
UPDATE integrations_quarantinedrecord SET resolved_at = %s
WHERE connection_id = %s AND resource = %s AND resolved_at IS NULL AND external_id <> '' AND external_id = ANY(%s::text[])
"""


def keep(cursor: CursorWrapper, route: Route, rejected: Sequence[Rejected], run_id: UUID | None, now: datetime) -> None:
    """Store what was refused. The last of one key counts."""
    if not rejected:
        return
    keyed = {one.key: one for one in rejected if one.key}
    kept = [*keyed.values(), *(one for one in rejected if not one.key)]
    bodies = [body_of(one.raw) for one in kept]
    cursor.execute(
        _KEEP,
        {
            "connection": route.connection.pk,
            "run": run_id,
            "resource": route.resource.name,
            "now": now,
            "ids": [uuid7() for _ in kept],
            "keys": [one.key for one in kept],
            "reasons": [Jsonb(reasons_of(one)) for one in kept],
            "bodies": bodies,
        },
    )


def resolve(cursor: CursorWrapper, route: Route, keys: Collection[str], now: datetime) -> None:
    """These records are in order again."""
    cursor.execute(_RESOLVE, [now, route.connection.pk, route.resource.name, array_of_texts(keys)])


def any_open(route: Route) -> bool:
    return QuarantinedRecord.objects.filter(
        connection=route.connection, resource=route.resource.name, resolved_at=None
    ).exists()


def reasons_of(rejected: Rejected) -> list[dict[str, str]]:
    return [
        {"field": _safe(reason.field)[:200], "message": _safe(reason.message)[:LONGEST_MESSAGE]}
        for reason in rejected.reasons[:MOST_REASONS]
    ]


def body_of(raw: Any) -> str:
    """The record as JSON that can be stored and shown: NUL and half surrogates stand as escapes."""
    try:
        text = orjson.dumps(raw, default=str, option=orjson.OPT_INDENT_2).decode()
    except (TypeError, RecursionError):
        text = _slowly(raw)
    if len(text) > LONGEST_BODY:
        return f"{text[:LONGEST_BODY]}\n... {len(text) - LONGEST_BODY:,} more characters"
    return text


def _slowly(raw: Any) -> str:
    try:
        return json.dumps(raw, default=str, indent=2)
    except (TypeError, ValueError, RecursionError):
        return f"A record that cannot be written down ({type(raw).__name__})."


def _safe(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\u0000")
