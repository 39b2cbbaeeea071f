"""What no worker will do by itself: jobs of workers that died, jobs of chapters that are gone, rows nobody needs."""

from __future__ import annotations

import json

from django.conf import settings
from django.db import connection, transaction

from integrations.hub.models import HUB, Chapter

from . import dead_letters, wishes

BATCH = 5_000

# A row that an open transaction holds behind its fence is skipped: whoever holds it is alive.
_EXPIRED = """
SELECT id, attempts >= max_attempts FROM hub_job
WHERE state = 'running' AND lease_until < statement_timestamp() ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
"""
_BURY_STOPPED = """
UPDATE hub_job SET state = 'dead', finished_at = statement_timestamp(), lease_until = NULL, lease_token = NULL,
    last_error = format('The worker stopped %%s times while it ran this job.', attempts)
WHERE id = ANY(%s) RETURNING kind, chapter_id, payload, last_error
"""
# By way of the turns, one per chapter that ever had a job: ready jobs of chapters in good standing are not looked at.
_BURY_ORPHANS = """
WITH gone AS (
    SELECT t.chapter_id, CASE
        WHEN c.id IS NULL THEN format('Chapter %%s cannot be entered: it is not known.', t.chapter_id)
        ELSE format('Chapter %%s cannot be entered: it is %%s.', c.slug, c.status) END AS reason
    FROM hub_turn t LEFT JOIN hub_chapter c ON c.id = t.chapter_id
    WHERE t.chapter_id <> %(hub)s AND (c.id IS NULL OR c.status <> %(active)s))
UPDATE hub_job SET state = 'dead', finished_at = statement_timestamp(), last_error = gone.reason
FROM gone WHERE hub_job.chapter_id = gone.chapter_id AND hub_job.state = 'ready'
"""
_PRUNE_JOBS = """
DELETE FROM hub_job WHERE id IN (
    SELECT id FROM hub_job WHERE state = 'done' AND finished_at < statement_timestamp() - make_interval(days => %s)
    ORDER BY finished_at LIMIT %s)
"""
_PRUNE_FIRES = """
DELETE FROM hub_fire WHERE id IN (
    SELECT id FROM hub_fire WHERE fire_time < statement_timestamp() - make_interval(days => %s) ORDER BY fire_time LIMIT %s)
"""


def take_back() -> int:
    """Make jobs whose lease has ended ready again, their attempt counted; past the limit they become dead letters."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_EXPIRED, [BATCH])
        expired = cursor.fetchall()
        cursor.execute(_BURY_STOPPED, [[job_id for job_id, spent in expired if spent]])
        for kind, chapter_id, payload, reason in cursor.fetchall():
            dead_letters.tell(kind, chapter_id, json.loads(payload), reason)
        wishes.put_back(
            [job_id for job_id, spent in expired if not spent], reason="The worker stopped while it ran this."
        )
    return len(expired)


def bury_orphans() -> int:
    """Make dead letters of what is ready for chapters that are unknown, suspended or deleted."""
    with connection.cursor() as cursor:
        cursor.execute(_BURY_ORPHANS, {"hub": HUB, "active": Chapter.Status.ACTIVE})
        return int(cursor.rowcount)


def prune() -> int:
    """Forget what was done, and which schedules fired, more than JOB_KEEP_DAYS days ago. Dead letters stay."""
    with connection.cursor() as cursor:
        cursor.execute(_PRUNE_JOBS, [settings.JOB_KEEP_DAYS, BATCH])
        pruned = cursor.rowcount
        cursor.execute(_PRUNE_FIRES, [settings.JOB_KEEP_DAYS, BATCH])
        return int(pruned + cursor.rowcount)
