"""What an undo would do, said beforehand. It only reads: nothing is locked, and a run of 100,000 changes is looked at in the
time a page may take.

It goes by the feed: a column that was changed since counts as moved on even where it holds the same value again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import connection as database
from django.db import models
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from integrations import targets
from integrations.changes.revert import Moved
from integrations.changes.reverting import pointing_at

from .models import SyncRun
from .undo import own_of, told

LISTED = 50
# Of a larger run what has moved on is looked for among its first so many records.
CHECKED = 5_000

_OF_RUN = """
WITH run AS (
    SELECT c.target, c.aggregate_id, min(c.id) AS since, bool_or(c.part = '' AND c.op = 'insert') AS made,
        bool_or(c.part = '' AND c.op = 'delete') AS gone, array_agg(DISTINCT c.part) AS parts
    FROM integrations_changeset s JOIN integrations_change c ON c.changeset_id = s.id
    WHERE s.run_id = %(run)s AND c.op <> 'overruled' GROUP BY c.target, c.aggregate_id),
checked AS MATERIALIZED (SELECT * FROM run ORDER BY since LIMIT %(checked)s)
"""
_COUNTS = f"""{_OF_RUN}
SELECT target, count(*) FILTER (WHERE made AND NOT gone), count(*) FILTER (WHERE gone AND NOT made),
    count(*) FILTER (WHERE NOT made AND NOT gone) FROM run GROUP BY target ORDER BY target
"""  # noqa: S608 a constant
# What others have changed since of what the run changed: any part of a record it made, else the same part, and of a record's
# own row the same columns.
_MOVED = f"""{_OF_RUN},
columns AS MATERIALIZED (
    SELECT c.target, c.aggregate_id, array_agg(DISTINCT k) AS names
    FROM integrations_changeset s JOIN integrations_change c ON c.changeset_id = s.id
    JOIN checked r ON r.target = c.target AND r.aggregate_id = c.aggregate_id
    CROSS JOIN LATERAL jsonb_object_keys(c.after) k
    WHERE s.run_id = %(run)s AND c.op = 'update' AND c.part = '' GROUP BY c.target, c.aggregate_id)
SELECT r.target, r.aggregate_id, l.origin, count(*) OVER ()
FROM checked r LEFT JOIN columns o ON o.target = r.target AND o.aggregate_id = r.aggregate_id CROSS JOIN LATERAL (
    SELECT s.origin FROM integrations_change c JOIN integrations_changeset s ON s.id = c.changeset_id
    WHERE c.aggregate_id = r.aggregate_id AND c.target = r.target AND c.id > r.since AND c.op <> 'overruled'
        AND (s.run_id IS NULL OR s.run_id <> ALL(%(own)s::uuid[]))
        AND (r.made OR (c.part = ANY(r.parts) AND (c.part <> '' OR c.op <> 'update' OR c.after ?| o.names)))
    ORDER BY c.id DESC LIMIT 1) l
ORDER BY r.target, r.aggregate_id LIMIT %(listed)s
"""  # noqa: S608 a constant
_USED = f"""{_OF_RUN}
SELECT t.{{column}}, count(*), count(*) OVER () FROM checked r JOIN {{table}} t ON t.{{column}} = r.aggregate_id
WHERE r.target = %(target)s AND r.made AND NOT r.gone
    AND NOT EXISTS (SELECT FROM run n WHERE n.made AND n.aggregate_id = t.{{owner}})
GROUP BY t.{{column}} ORDER BY t.{{column}} LIMIT %(listed)s
"""  # noqa: S608 a constant
_LINKED = f"""{_OF_RUN}
SELECT l.record_id, string_agg(DISTINCT l.resource || ' of “' || c.name || '”', ', '), count(*) OVER ()
FROM checked r JOIN integrations_recordlink l ON l.record_id = r.aggregate_id AND l.target = r.target AND l.state = 'active'
JOIN integrations_connection c ON c.id = l.connection_id
WHERE r.made AND NOT r.gone AND (l.connection_id, l.resource) <> (%(connection)s, %(resource)s)
GROUP BY l.record_id ORDER BY l.record_id LIMIT %(listed)s
"""  # noqa: S608 a constant


@dataclass(kw_only=True)
class Preview:
    """How many records would be deleted again, brought back and set back at most; and what would be left among the `checked`
    first of them, some of it listed as `{"target", "record", "part", "fields", "why", "what"}`."""

    deleted: int = 0
    restored: int = 0
    changed: int = 0
    moved: int = 0
    used: int = 0
    checked: int = 0
    listed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.deleted + self.restored + self.changed


def preview(run: SyncRun) -> Preview:
    """A number of queries that depends only on how many tables refer to the records."""
    found = Preview()
    given = {"run": run.pk, "own": own_of(run.pk), "listed": LISTED, "connection": run.connection_id}
    given |= {"resource": run.resource, "checked": CHECKED}
    with database.cursor() as cursor:
        cursor.execute(_COUNTS, given)
        touched: list[str] = []
        for target, deleted, restored, changed in cursor.fetchall():
            touched.append(target)
            found.deleted += deleted
            found.restored += restored
            found.changed += changed
        found.checked = min(found.total, CHECKED)
        cursor.execute(_MOVED, given)
        for target, pk, origin, count in cursor.fetchall():
            found.moved = count
            found.listed.append(told(Moved(target, pk, "", (), "changed", origin)))
        for target in touched:
            _used(cursor, found, target, given)
        cursor.execute(_LINKED, given)
        for pk, names, count in cursor.fetchall():
            found.used = max(found.used, count)
            found.listed.append(told(Moved(touched[0], pk, "", (), "used", f"also known as {names}")))
    return found


def _used(cursor: CursorWrapper, found: Preview, name: str, given: dict[str, Any]) -> None:
    for column in pointing_at(targets.get(name)):
        meta = column.model._meta
        statement = sql.SQL(_USED).format(
            table=sql.Identifier(meta.db_table),
            column=sql.Identifier(str(column.column)),
            owner=sql.Identifier(_owner(column.model)),
        )
        cursor.execute(statement, {**given, "target": name})
        for pk, count, records in cursor.fetchall():
            found.used = max(found.used, records)
            words = meta.verbose_name if count == 1 else meta.verbose_name_plural
            found.listed.append(told(Moved(name, pk, "", (), "used", f"{count:,} {words}")))


def _owner(model: type[models.Model]) -> str:
    """The column that tells whose row it is: a row the run made itself holds nothing back."""
    return str(model._meta.pk.column)
