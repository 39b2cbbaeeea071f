"""Where a record of ours is now: itself, or what it was merged into."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import connection as database
from psycopg import sql

from integrations.targets import Target

# Merged again and again, it is found at the end; a merge that was undone leads nowhere.
_STANDING = """
WITH RECURSIVE way (asked, id, steps) AS (
    SELECT id, id, 0 FROM unnest(%s::uuid[]) AS id
    UNION ALL
    SELECT w.asked, m.kept_id, w.steps + 1 FROM way w
    JOIN integrations_merge m ON m.merged_id = w.id AND m.target = %s AND m.undone_at IS NULL
    WHERE w.steps < 50
)
SELECT DISTINCT ON (w.asked) w.asked, w.id FROM way w JOIN {table} t ON t.id = w.id ORDER BY w.asked, w.steps
"""


def standing(target: Target, ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Id -> the id of the record that stands for it; what is nowhere any more is left out. One statement."""
    if not ids:
        return {}
    statement = sql.SQL(_STANDING).format(table=sql.Identifier(target.model._meta.db_table))
    with database.cursor() as cursor:
        cursor.execute(statement, [list(ids), target.name])
        return dict(cursor.fetchall())
