"""What a vendor said and did not get: nothing changed here, so no trigger tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.db import connection

_TELL = """
INSERT INTO integrations_change (changeset_id, aggregate_id, target, part, row_key, op, before, after)
SELECT (SELECT changes_set()), aggregate, %(target)s, '', '', 'overruled', theirs, ours
FROM unnest(%(aggregates)s::uuid[], %(theirs)s::jsonb[], %(ours)s::jsonb[]) AS t (aggregate, theirs, ours)
"""


class Overruled(NamedTuple):
    """A record's fields whose values there lost against ours: field -> value."""

    record_id: UUID
    theirs: dict[str, Any]
    ours: dict[str, Any]


def tell(target: str, overruled: Sequence[Overruled]) -> None:
    """Write them into the feed, in the current transaction and by its origin."""
    if not overruled:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _TELL,
            {
                "target": target,
                "aggregates": [one.record_id for one in overruled],
                "theirs": [_json(one.theirs) for one in overruled],
                "ours": [_json(one.ours) for one in overruled],
            },
        )


def _json(values: dict[str, Any]) -> str:
    return orjson.dumps(values, default=str).decode()
