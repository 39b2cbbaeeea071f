"""A wish that work be done: the ready row, written in the transaction that makes the work necessary.

One row stands for all wishes of the same `(chapter, kind, key)`. When a wish meets one that is ready, the earliest
`run_at` and the smallest priority win, and the payloads are laid over each other: what the later wish says of a name
counts, what only the earlier one named stays. So a payload should say *what* to do, and little of *how*.

The second of two transactions that make the same wish waits for the first to end, as with any unique row. All times are the
database's: workers' clocks do not matter.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from integrations.hub import tenancy
from integrations.hub.models import HUB, Chapter

from . import kinds, nudges


class _Current(Enum):
    CHAPTER = "the chapter this thread is inside, or the hub"


CURRENT: Final = _Current.CHAPTER

# A chapter's first wish also makes its turn, before all others'.
_ENQUEUE = """
WITH turn AS (
    INSERT INTO hub_turn (chapter_id, claimed_at)
    SELECT %(chapter)s, 'epoch' WHERE NOT EXISTS (SELECT FROM hub_turn WHERE chapter_id = %(chapter)s)
    ON CONFLICT DO NOTHING)
INSERT INTO hub_job (chapter_id, kind, key, payload, priority, state, run_at, attempts, max_attempts, last_error, created_at)
VALUES (%(chapter)s, %(kind)s, %(key)s, %(payload)s, %(priority)s, 'ready', coalesce(%(run_at)s, statement_timestamp()), 0,
        %(max_attempts)s, '', statement_timestamp())
ON CONFLICT (chapter_id, kind, key) WHERE state = 'ready' DO UPDATE SET
    payload = hub_job.payload || excluded.payload,
    priority = least(hub_job.priority, excluded.priority),
    run_at = least(hub_job.run_at, excluded.run_at)
RETURNING id
"""
# A row may not simply become ready again: a wish made meanwhile may stand there. It is taken out and wished anew under
# its own id; where the later wish stands, that one takes over its attempts and its reason, and the older id is gone.
_PUT_BACK = """
WITH gone AS (DELETE FROM hub_job WHERE id = ANY(%(ids)s) RETURNING *)
INSERT INTO hub_job (
    id, chapter_id, kind, key, payload, priority, state, run_at, attempts, max_attempts, last_error, created_at)
SELECT DISTINCT ON (chapter_id, kind, key)
    id, chapter_id, kind, key, payload, priority, 'ready', statement_timestamp() + %(after)s,
    greatest(attempts - %(forgiven)s, 0), max_attempts, coalesce(%(reason)s, last_error), created_at
FROM gone ORDER BY chapter_id, kind, key, id DESC
ON CONFLICT (chapter_id, kind, key) WHERE state = 'ready' DO UPDATE SET
    payload = excluded.payload || hub_job.payload,
    priority = least(hub_job.priority, excluded.priority),
    run_at = least(hub_job.run_at, excluded.run_at),
    attempts = greatest(hub_job.attempts, excluded.attempts),
    last_error = excluded.last_error
RETURNING id
"""
ALL_ATTEMPTS = 32_767


def enqueue(
    kind: str,
    *,
    key: str = "",
    payload: dict[str, Any] | None = None,
    run_at: datetime | None = None,
    priority: int = 5,
    chapter: Chapter | UUID | _Current | None = CURRENT,
) -> int:
    """Wish for a job, in the caller's transaction: rolled back with it, nudged on its commit. Returns the job's id.

    `payload` is a JSON object; `run_at` None means now; `priority` 0 to 9, smaller first; `chapter` None means the hub.
    An empty key means one at a time of this kind in this chapter. The broker being away neither fails nor delays this.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _ENQUEUE,
            {
                "chapter": _chapter_id(chapter),
                "kind": kinds.get(kind).name,
                "key": key,
                "payload": json.dumps(payload or {}, allow_nan=False),
                "priority": priority,
                "run_at": run_at,
                "max_attempts": kinds.max_attempts(kind),
            },
        )
        (job_id,) = cursor.fetchone()
    if run_at is None or run_at <= timezone.now():
        nudges.nudge_on_commit(job_id)
    return int(job_id)


def put_back(
    ids: Iterable[int], *, after: timedelta = timedelta(0), reason: str | None = None, forgiven: int = 0
) -> list[int]:
    """Make jobs ready again, to run `after` now, with so many attempts forgiven; returns the ids that stand for them.

    The caller holds the rows locked in its transaction. Of several jobs with one key the newest stands for all.
    """
    with connection.cursor() as cursor:
        cursor.execute(_PUT_BACK, {"ids": list(ids), "after": after, "reason": reason, "forgiven": forgiven})
        return [row[0] for row in cursor.fetchall()]


def _chapter_id(chapter: Chapter | UUID | _Current | None) -> UUID:
    found = tenancy.current() if chapter is CURRENT else chapter
    if found is None:
        return HUB
    return found.pk if isinstance(found, Chapter) else found
