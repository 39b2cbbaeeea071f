"""Their ids and ours: read and written for a whole batch at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.backends.utils import CursorWrapper

from .batch import Effect, Route
from .columns import array_of_texts
from .copy import table
from .models import RecordLink

# Key by key, through the unique index, whatever the planner believes of a table that is just being filled: with `= ANY` it
# would rather read all links of the resource for every batch.
_BY_KEY = """
SELECT k.key, {columns} FROM unnest(%(keys)s::text[]) AS k (key), LATERAL (
    SELECT * FROM integrations_recordlink
    WHERE connection_id = %(connection)s AND resource = %(resource)s AND external_id = k.key
    LIMIT 1
) AS l
"""
_KNOWN = _BY_KEY.format(columns="l.content_hash, l.state")
_LINKS = _BY_KEY.format(columns="l.id, l.record_id, l.base::text, l.match, l.first_seen")
_STATE = """
UPDATE integrations_recordlink SET state = %s, last_changed = %s
WHERE connection_id = %s AND resource = %s AND external_id = ANY(%s::text[]) AND state <> %s
"""


class Known(NamedTuple):
    digest: str
    state: str


class Link(NamedTuple):
    id: UUID
    record_id: UUID
    base: str
    match: str
    first_seen: datetime


def known(cursor: CursorWrapper, route: Route, keys: Collection[str]) -> dict[str, Known]:
    """What is already linked of a batch, by key: enough to see what changed."""
    cursor.execute(_KNOWN, _asked(route, keys))
    return {row[0]: Known(row[1], row[2]) for row in cursor.fetchall()}


def links_of(cursor: CursorWrapper, route: Route, keys: Sequence[str]) -> dict[str, Link]:
    """The whole links of those that changed, by key."""
    if not keys:
        return {}
    cursor.execute(_LINKS, _asked(route, keys))
    return {row[0]: Link(*row[1:]) for row in cursor.fetchall()}


def _asked(route: Route, keys: Collection[str]) -> dict[str, Any]:
    return {"connection": route.connection.pk, "resource": route.resource.name, "keys": array_of_texts(keys)}


def save(cursor: CursorWrapper, route: Route, effects: Sequence[Effect], now: datetime) -> None:
    """Links of what was applied: new ones by COPY, known ones replaced."""
    store = table(RecordLink)
    same = {
        "connection_id": route.connection.pk,
        "resource": route.resource.name,
        "target": route.target.name,
        "last_changed": now,
    }
    fresh = [_row(effect) for effect in effects if not effect.linked]
    store.insert(cursor, fresh, {**same, "first_seen": now, "state": RecordLink.State.ACTIVE.value})
    store.upsert(
        cursor,
        [
            {
                **_row(effect),
                **same,
                "first_seen": effect.first_seen,
                "state": (RecordLink.State.REMOTE_DELETED if effect.deleted else RecordLink.State.ACTIVE).value,
            }
            for effect in effects
            if effect.linked
        ],
    )


def mark_deleted(cursor: CursorWrapper, route: Route, keys: Sequence[str], now: datetime) -> int:
    """The vendor deleted these. Our rows stay."""
    if not keys:
        return 0
    deleted = RecordLink.State.REMOTE_DELETED
    cursor.execute(_STATE, [deleted, now, route.connection.pk, route.resource.name, array_of_texts(keys), deleted])
    return int(cursor.rowcount)


def _row(effect: Effect) -> dict[str, Any]:
    return {
        "id": effect.link_id,
        "external_id": effect.incoming.key,
        "record_id": effect.record_id,
        "content_hash": effect.incoming.digest,
        "base": effect.base,
        "refs": effect.incoming.pending or None,
        "match": effect.match,
    }
