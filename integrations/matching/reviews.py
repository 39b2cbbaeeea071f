"""Records that wait for a person, and what persons have said: kept, replaced and taken back for a whole batch at once."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection as database
from django.db.backends.utils import CursorWrapper
from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from integrations.sync.batch import Effect, Route
from integrations.sync.columns import array_of_texts
from integrations.sync.models import ResourceState

from .score import Candidate

# What was said of a record is remembered of its account, whichever connection reads it.
_SAID = """
SELECT m.external_id, m.state, m.record_id, m.connection_id = %s AS here,
    ARRAY(SELECT (c ->> 'id')::uuid FROM jsonb_array_elements(m.candidates) c) AS asked
FROM integrations_matchreview m JOIN integrations_connection c ON c.id = m.connection_id
WHERE m.resource = %s AND m.external_id = ANY(%s::text[]) AND (m.connection_id = %s OR (c.provider, c.account_id) = (%s, %s))
ORDER BY m.created_at
"""
# The newest version of a held record is the one that is held; the same again writes nothing.
_HOLD = """
INSERT INTO integrations_matchreview (id, connection_id, run_id, resource, external_id, target, candidates, score, record, body,
    state, created_at, changed_at)
SELECT n.id, %(connection)s, %(run)s, %(resource)s, n.key, %(target)s, n.candidates, n.score, n.record, n.body, 'open',
    %(now)s, %(now)s
FROM unnest(%(ids)s::uuid[], %(keys)s::text[], %(candidates)s::jsonb[], %(scores)s::int[], %(records)s::jsonb[],
    %(bodies)s::text[]) AS n (id, key, candidates, score, record, body)
ON CONFLICT (connection_id, resource, external_id) WHERE state = 'open' DO UPDATE
SET candidates = excluded.candidates, score = excluded.score, record = excluded.record, body = excluded.body,
    run_id = excluded.run_id, changed_at = excluded.changed_at
WHERE (integrations_matchreview.candidates, integrations_matchreview.body) IS DISTINCT FROM (excluded.candidates, excluded.body)
"""
_TAKE_BACK = """
DELETE FROM integrations_matchreview
WHERE connection_id = %s AND resource = %s AND external_id = ANY(%s::text[]) AND state = 'open'
"""
# What a complete read did not show is not there any more to be asked about.
_UNSEEN = """
DELETE FROM integrations_matchreview m
WHERE m.connection_id = %s AND m.resource = %s AND m.state = 'open' AND m.changed_at < %s
  AND NOT EXISTS (SELECT FROM integrations_seenkey s WHERE s.state_id = %s AND s.external_id = m.external_id)
"""


@dataclass
class Said:
    """Of one record: is a question open here, was it left out, which of ours is it not."""

    waiting: bool = False
    left_out: bool = False
    is_not: set[UUID] = field(default_factory=set)


def said_of(cursor: CursorWrapper, route: Route, keys: Collection[str]) -> dict[str, Said]:
    """What persons have said of these records, by key."""
    one = route.connection
    cursor.execute(
        _SAID, [one.pk, route.resource.name, array_of_texts(keys), one.pk, one.provider, one.account_id or None]
    )
    found: dict[str, Said] = {}
    for key, state, record_id, here, asked in cursor.fetchall():
        said = found.setdefault(key, Said())
        said.waiting = said.waiting or (state == "open" and here)
        said.left_out = state == "dismissed" or (said.left_out and state == "open")
        if state in ("separate", "linked"):
            said.is_not |= set(asked) - {record_id}
    return found


def hold(
    cursor: CursorWrapper,
    route: Route,
    held: Sequence[tuple[Effect, Sequence[Candidate]]],
    run_id: UUID | None,
    now: datetime,
) -> None:
    """Ask a person about these records, or ask anew where they have changed."""
    if not held:
        return
    cursor.execute(
        _HOLD,
        {
            "connection": route.connection.pk,
            "run": run_id,
            "resource": route.resource.name,
            "target": route.target.name,
            "now": now,
            "ids": [uuid7() for _ in held],
            "keys": [effect.incoming.key for effect, _ in held],
            "candidates": [Jsonb([one.shown() for one in candidates]) for _, candidates in held],
            "scores": [candidates[0].score for _, candidates in held],
            "records": [effect.base.decode() for effect, _ in held],
            "bodies": [body_of(effect.incoming.raw) for effect, _ in held],
        },
    )


def take_back(cursor: CursorWrapper, route: Route, keys: Collection[str]) -> None:
    """These questions have answered themselves."""
    if keys:
        cursor.execute(_TAKE_BACK, [route.connection.pk, route.resource.name, array_of_texts(keys)])


def forget_unseen(route: Route, state: ResourceState, began: datetime) -> None:
    """After a complete read that began then: what it did not show."""
    with database.cursor() as cursor:
        cursor.execute(_UNSEEN, [route.connection.pk, route.resource.name, began, state.pk])


def body_of(raw: Any) -> str:
    """The whole record as JSON that can be stored: NUL and half surrogates stand as escapes."""
    try:
        return orjson.dumps(raw, default=str, option=orjson.OPT_INDENT_2).decode()
    except TypeError:
        return json.dumps(raw, default=str, indent=2)
