"""When each resource of each connection is next to be read: one public table, turned into jobs by one statement a tick.

A thousand chapters of forty resources are forty thousand rows here, and one periodic task.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from integrations.hub import tenancy
from integrations.hub.models import Chapter, Due

from . import kinds

SYNC = "sync.run"
BATCH = 5_000

_SET_DUE = """
INSERT INTO hub_due (chapter_id, connection_id, resource, every, due_at)
VALUES (%(chapter)s, %(connection)s, %(resource)s, %(every)s, coalesce(%(due_at)s, statement_timestamp()))
ON CONFLICT (connection_id, resource) DO UPDATE SET
    every = excluded.every,
    due_at = coalesce(%(due_at)s, least(hub_due.due_at, statement_timestamp() + excluded.every))
WHERE hub_due.chapter_id = excluded.chapter_id
"""
# After any downtime a resource is due once, and next at its old phase. A job that is ready because it failed, or was told
# to wait, keeps its own time: a schedule does not hurry what is backing off.
_TURN_INTO_JOBS = """
WITH due AS (
    SELECT d.id, d.chapter_id, d.connection_id, d.resource, d.every, d.due_at
    FROM hub_due d JOIN hub_chapter c ON c.id = d.chapter_id AND c.status = %(active)s
    WHERE d.due_at <= statement_timestamp() ORDER BY d.due_at LIMIT %(batch)s FOR UPDATE OF d SKIP LOCKED),
advanced AS (
    UPDATE hub_due SET due_at = due.due_at
        + due.every * (floor(extract(epoch FROM statement_timestamp() - due.due_at) / extract(epoch FROM due.every)) + 1)
    FROM due WHERE hub_due.id = due.id),
turns AS (
    INSERT INTO hub_turn (chapter_id, claimed_at) SELECT DISTINCT chapter_id, 'epoch'::timestamptz FROM due
    ON CONFLICT DO NOTHING)
INSERT INTO hub_job (chapter_id, kind, key, payload, priority, state, run_at, attempts, max_attempts, last_error, created_at)
SELECT chapter_id, %(kind)s, connection_id || ':' || resource,
    jsonb_build_object('connection', connection_id, 'resource', resource), 5, 'ready', statement_timestamp(), 0,
    %(max_attempts)s, '', statement_timestamp()
FROM due
ON CONFLICT (chapter_id, kind, key) WHERE state = 'ready' DO UPDATE SET
    run_at = CASE WHEN hub_job.last_error = '' THEN least(hub_job.run_at, excluded.run_at) ELSE hub_job.run_at END
"""


def set_due(connection_id: UUID, resource: str, every: timedelta, due_at: datetime | None = None) -> None:
    """Have a resource of a connection of this chapter read every so often, from `due_at` on.

    Without `due_at` a new resource is due at once, and a known one no later than `every` from now.
    """
    if every <= timedelta(0):
        raise ValueError(f"{resource}: cannot be read every {every}.")
    with connection.cursor() as cursor:
        cursor.execute(
            _SET_DUE,
            {
                "chapter": tenancy.inside().pk,
                "connection": connection_id,
                "resource": resource,
                "every": every,
                "due_at": due_at,
            },
        )


def forget_due(connection_id: UUID) -> None:
    """Have no resource of that connection read by itself any more."""
    Due.objects.filter(chapter_id=tenancy.inside().pk, connection_id=connection_id).delete()


def turn_into_jobs() -> int:
    """Wish for everything that is due in active chapters, and set when it is due next; returns how much was."""
    with connection.cursor() as cursor:
        cursor.execute(
            _TURN_INTO_JOBS,
            {
                "active": Chapter.Status.ACTIVE,
                "batch": BATCH,
                "kind": SYNC,
                "max_attempts": kinds.max_attempts(SYNC),
            },
        )
        return int(cursor.rowcount)
