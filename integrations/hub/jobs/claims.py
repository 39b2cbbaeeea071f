"""Who runs what next.

The chapter that waited longest since it was last given a worker goes first, whatever the others have piled up, and no
chapter has more than `JOB_IN_FLIGHT_PER_CHAPTER` jobs running. Every look is one probe of an index per chapter, so neither
ten thousand jobs of one chapter nor a thousand chapters make a claim slow.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from . import kinds

# A chapter whose due jobs are all held by open transactions is passed over; so many may be, before a claim gives up.
TURNS = 20

_NOT_RUNNING = """NOT EXISTS (
        SELECT FROM hub_job r
        WHERE r.state = 'running' AND r.chapter_id = j.chapter_id AND r.kind = j.kind AND r.key = j.key)"""
# Scalar subqueries on purpose: the planner cannot turn them into joins over every ready job.
_NEXT_CHAPTER = f"""
SELECT t.chapter_id FROM hub_turn t
WHERE (SELECT count(*) FROM hub_job r WHERE r.state = 'running' AND r.chapter_id = t.chapter_id) < %(cap)s
  AND (SELECT j.id FROM hub_job j
       WHERE j.state = 'ready' AND j.chapter_id = t.chapter_id AND j.run_at <= statement_timestamp() AND {_NOT_RUNNING}
       ORDER BY j.run_at LIMIT 1) IS NOT NULL
ORDER BY t.claimed_at LIMIT 1
FOR UPDATE OF t
"""  # noqa: S608 built from constants
# One probe per priority: due jobs of a low priority are found at once behind any number of later ones of a high priority.
_TAKE = f"""
WITH served AS (UPDATE hub_turn SET claimed_at = clock_timestamp() WHERE chapter_id = %(chapter)s),
next AS (
    SELECT due.id FROM generate_series(0, 9) AS p (priority)
    CROSS JOIN LATERAL (
        SELECT j.id FROM hub_job j
        WHERE j.state = 'ready' AND j.chapter_id = %(chapter)s AND j.priority = p.priority AND j.run_at <= statement_timestamp()
          AND {_NOT_RUNNING}
        ORDER BY j.run_at, j.id LIMIT 1 FOR UPDATE OF j SKIP LOCKED) AS due
    WHERE (SELECT count(*) FROM hub_job r WHERE r.state = 'running' AND r.chapter_id = %(chapter)s) < %(cap)s
    LIMIT 1)
UPDATE hub_job SET
    state = 'running', attempts = attempts + 1, started_at = statement_timestamp(), lease_token = gen_random_uuid(),
    lease_until = statement_timestamp() + make_interval(secs => coalesce((%(leases)s::jsonb ->> kind)::int, %(lease)s))
FROM next WHERE hub_job.id = next.id
RETURNING hub_job.id, chapter_id, kind, key, payload, attempts, max_attempts, lease_token
"""  # noqa: S608 built from constants


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A job that is this worker's to run, until its lease ends unrenewed. `token` proves it."""

    id: int
    chapter_id: UUID
    kind: str
    key: str
    payload: dict[str, Any]
    attempt: int
    max_attempts: int
    token: UUID

    def __str__(self) -> str:
        return f"job {self.id} {self.kind} {self.key}".rstrip()


def claim() -> Claim | None:
    """Take the fairest due job, or None when nothing is due for a chapter that may have another worker."""
    for _ in range(TURNS):
        with transaction.atomic():
            chapter_id = _lock_next_chapter()
            if chapter_id is None:
                return None
            taken = _take(chapter_id)
        if taken is not None:
            return taken
    return None


def _lock_next_chapter() -> UUID | None:
    """The chapter whose turn it is, its turn locked. Only when each one with work is being claimed for by somebody else is
    theirs waited for: a claim takes a millisecond, and what follows reads afresh."""
    with connection.cursor() as cursor:
        for waiting in (" SKIP LOCKED", ""):
            cursor.execute(_NEXT_CHAPTER + waiting, {"cap": settings.JOB_IN_FLIGHT_PER_CHAPTER})
            if row := cursor.fetchone():
                return row[0]
    return None


def _take(chapter_id: UUID) -> Claim | None:
    """The best due job of the chapter, now running, and the chapter sent to the back of the line either way."""
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE,
            {
                "chapter": chapter_id,
                "cap": settings.JOB_IN_FLIGHT_PER_CHAPTER,
                "leases": json.dumps(kinds.leases()),
                "lease": settings.JOB_LEASE_SECONDS,
            },
        )
        row = cursor.fetchone()
    if row is None:
        return None
    job_id, chapter, kind, key, payload, attempt, max_attempts, token = row
    return Claim(
        id=job_id,
        chapter_id=chapter,
        kind=kind,
        key=key,
        payload=json.loads(payload),
        attempt=attempt,
        max_attempts=max_attempts,
        token=token,
    )
