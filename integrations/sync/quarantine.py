"""Records that could not be applied, kept with every reason until the same record can be."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
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

# What is longer is cut, and has to be fetched again where it is tried again.
LONGEST_BODY = 60_000
MOST_REASONS = 50
LONGEST_MESSAGE = 500

# One open row per record; the same record refused again for the same reasons writes nothing, nor does one that a person
# has dismissed as it is.
_KEEP = """
INSERT INTO integrations_quarantinedrecord
    (id, connection_id, run_id, resource, external_id, reasons, body, form, tries, dismissed_because, created_at)
SELECT n.id, %(connection)s, %(run)s, %(resource)s, n.key, n.reasons, n.body, n.form, 0, '', %(now)s
FROM unnest(%(ids)s::uuid[], %(keys)s::text[], %(reasons)s::jsonb[], %(bodies)s::text[], %(forms)s::text[])
    AS n (id, key, reasons, body, form)
WHERE (n.key <> '' OR NOT EXISTS (
    SELECT FROM integrations_quarantinedrecord q
    WHERE q.connection_id = %(connection)s AND q.resource = %(resource)s AND q.external_id = '' AND q.resolved_at IS NULL
      AND q.body = n.body))
AND NOT EXISTS (
    SELECT FROM integrations_quarantinedrecord d
    WHERE d.connection_id = %(connection)s AND d.resource = %(resource)s AND d.external_id = n.key
      AND NOT d.dismissed_because = '' AND (d.reasons, d.body) = (n.reasons, n.body))
ON CONFLICT (connection_id, resource, external_id) WHERE resolved_at IS NULL AND NOT external_id = '' DO UPDATE
SET reasons = excluded.reasons, body = excluded.body, form = excluded.form, created_at = excluded.created_at,
    run_id = coalesce(excluded.run_id, integrations_quarantinedrecord.run_id)
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
    written = [as_text(one.raw, exact=route.mapping.exact) for one in kept]
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
            "bodies": [body for body, _ in written],
            "forms": [form for _, form in written],
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
    return as_text(raw, exact=False)[0]


def as_text(raw: Any, *, exact: bool) -> tuple[str, str]:
    """The record as JSON, and what can be read back from it (`QuarantinedRecord.Form`). `exact`: it was decoded so. A decimal
    stands with every digit it came with."""
    form = QuarantinedRecord.Form.EXACT if exact else QuarantinedRecord.Form.ROUNDED

    def plain(value: Any) -> Any:
        nonlocal form
        if isinstance(value, Decimal):
            return orjson.Fragment(str(value))
        form = QuarantinedRecord.Form.SHOWN
        return str(value)

    try:
        text = orjson.dumps(raw, default=plain, option=orjson.OPT_INDENT_2).decode()
    except (TypeError, RecursionError):
        form, text = QuarantinedRecord.Form.SHOWN, _slowly(raw)
    if len(text) > LONGEST_BODY:
        form, text = (
            QuarantinedRecord.Form.SHOWN,
            f"{text[:LONGEST_BODY]}\n... {len(text) - LONGEST_BODY:,} more characters",
        )
    return text, form.value


def _slowly(raw: Any) -> str:
    try:
        return json.dumps(raw, default=str, indent=2)
    except (TypeError, ValueError, RecursionError):
        return f"A record that cannot be written down ({type(raw).__name__})."


def _safe(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\u0000")
