"""Reading the feed: forwards for those who act on changes, by record and by run for those who look.

A later sequence number may be committed earlier. So a reader goes by transaction ids, and sees only those below the oldest one
still running: of these nothing more can come. That is `pg_snapshot_xmin`, but for what runs in another database of the server,
which counts its ids too and writes nothing here: its long transactions hold up no reader.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.db import connection

from .models import ChangePosition


class Position(NamedTuple):
    """Everything up to this change of this transaction has been read."""

    xid: int
    change: int


START = Position(0, 0)


class Entry(NamedTuple):
    """A change with what its change set knows. See `models.Change`."""

    position: Position
    id: int
    at: datetime
    origin: str
    run: UUID | None
    target: str
    aggregate: UUID
    part: str
    row_key: str
    op: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


_ENTRY = """s.xid, c.id, s.at, s.origin, s.run_id, c.target, c.aggregate_id, c.part, c.row_key, c.op,
    c.before::text, c.after::text"""
# Asked before the snapshot is taken: who is in it and not in this list has begun since, and its id is above all that was
# committed before. Asked afterwards, one that ended meanwhile would seem to run here, and a place already passed would be final
# no more.
_ELSEWHERE = """
SELECT coalesce(array_agg(backend_xid::text::bigint), '{}') FROM pg_stat_activity
WHERE datname <> current_database() AND backend_xid IS NOT NULL
"""
_FINAL = """
final AS MATERIALIZED (
    SELECT coalesce((
        SELECT min(running::text::bigint) FROM pg_snapshot_xip(snapshot) AS running
        WHERE running::text::bigint & 4294967295 <> ALL (%(elsewhere)s::bigint[])
        ), pg_snapshot_xmax(snapshot)::text::bigint) AS below
    FROM (SELECT pg_current_snapshot() AS snapshot) AS taken)
"""
_READ = f"""
WITH {_FINAL}
SELECT {_ENTRY} FROM integrations_changeset s JOIN integrations_change c ON c.changeset_id = s.id
WHERE s.xid >= %(xid)s AND s.xid < (SELECT below FROM final)
    AND (s.xid, c.id) > (%(xid)s, %(change)s)
    AND (%(target)s::text IS NULL OR c.target = %(target)s) AND (%(but_not)s = '' OR s.origin <> %(but_not)s)
ORDER BY s.xid, c.id LIMIT %(limit)s
"""  # noqa: S608 the columns are those above
_NOW = f"WITH {_FINAL} SELECT below FROM final"  # noqa: S608
_HISTORY = f"""
SELECT {_ENTRY} FROM integrations_change c JOIN integrations_changeset s ON s.id = c.changeset_id
WHERE c.aggregate_id = %(aggregate)s AND c.target = %(target)s AND (%(before)s::bigint IS NULL OR c.id < %(before)s)
ORDER BY c.id DESC LIMIT %(limit)s
"""  # noqa: S608
# A run's change sets are made one after the other, so their order is that of their changes.
_OF_RUN = f"""
SELECT {_ENTRY} FROM integrations_changeset s JOIN integrations_change c ON c.changeset_id = s.id
WHERE s.run_id = %(run)s AND (%(after)s::bigint IS NULL OR (
    c.id > %(after)s AND s.id >= (SELECT changeset_id FROM integrations_change WHERE id = %(after)s)))
ORDER BY s.id, c.id LIMIT %(limit)s
"""  # noqa: S608


def read(after: Position, *, target: str | None = None, but_not: str = "", limit: int = 1000) -> list[Entry]:
    """What changed since, oldest first, of one target or all; `but_not` leaves out an origin. Fewer than `limit`: no more
    can be read now. What is still being written, and what was committed after it began, comes later."""
    asked = {"xid": after.xid, "change": after.change, "target": target, "but_not": but_not, "limit": limit}
    return _entries(_READ, asked | {"elsewhere": _elsewhere()})


def now() -> Position:
    """Where a reader begins for whom everything final so far is old."""
    with connection.cursor() as cursor:
        cursor.execute(_NOW, {"elsewhere": _elsewhere()})
        return Position(cursor.fetchone()[0] - 1, 2**63 - 1)


def history(target: str, aggregate: UUID, *, before: int | None = None, limit: int = 50) -> list[Entry]:
    """A record's changes, newest first; `before` the id of the last one shown."""
    return _entries(_HISTORY, {"aggregate": aggregate, "target": target, "before": before, "limit": limit})


def of_run(run_id: UUID, *, after: int | None = None, limit: int = 50) -> list[Entry]:
    """What a run changed, in its order; `after` the id of the last one shown."""
    return _entries(_OF_RUN, {"run": run_id, "after": after, "limit": limit})


def position_of(consumer: str) -> Position:
    """Where that reader stopped; the start for one that is new."""
    found = ChangePosition.objects.filter(pk=consumer).values_list("xid", "change").first()
    return Position(*found) if found else START


def moved(consumer: str, to: Position) -> None:
    """Remember where the reader is. Call it in the transaction of what the reader did."""
    ChangePosition.objects.update_or_create(consumer=consumer, defaults={"xid": to.xid, "change": to.change})


def _elsewhere() -> list[int]:
    """The transactions that run in the server's other databases."""
    with connection.cursor() as cursor:
        cursor.execute(_ELSEWHERE)
        running: list[int] = cursor.fetchone()[0]
        return running


def _entries(statement: str, asked: dict[str, Any]) -> list[Entry]:
    with connection.cursor() as cursor:
        cursor.execute(statement, asked)
        return [_entry(row) for row in cursor.fetchall()]


def _entry(row: tuple[Any, ...]) -> Entry:
    xid, change, *rest, before, after = row
    return Entry(Position(xid, change), change, *rest, _loaded(before), _loaded(after))


def _loaded(text: str | None) -> dict[str, Any] | None:
    return None if text is None else orjson.loads(text)
