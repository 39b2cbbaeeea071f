"""Jobs for what lies in the inbox: one per connection, or one of the hub per provider for what is for several chapters."""

from __future__ import annotations

from uuid import UUID

from django.db import connection

from integrations.hub.models import HUB, Chapter

from . import kinds, nudges

DRAIN, SPREAD = "inbound.drain", "inbound.spread"
PRIORITY = 4  # before what a schedule wants, after what a person waits for

# No lock where a job is due: see `integrations.inbound.wishes`. One that waits for another attempt at older events is hurried:
# what is new does not wait with them.
_WISH = """
WITH turn AS (
    INSERT INTO public.hub_turn (chapter_id, claimed_at)
    SELECT %(chapter)s, 'epoch' WHERE NOT EXISTS (SELECT FROM public.hub_turn WHERE chapter_id = %(chapter)s)
    ON CONFLICT DO NOTHING)
INSERT INTO public.hub_job
    (chapter_id, kind, key, payload, priority, state, run_at, attempts, max_attempts, last_error, created_at)
SELECT %(chapter)s, %(kind)s, %(key)s, jsonb_build_object(%(named)s::text, %(key)s::text), %(priority)s, 'ready',
    statement_timestamp(), 0, %(max_attempts)s, '', statement_timestamp()
WHERE NOT EXISTS (
    SELECT FROM public.hub_job WHERE state = 'ready' AND chapter_id = %(chapter)s AND kind = %(kind)s AND key = %(key)s
        AND run_at <= statement_timestamp())
ON CONFLICT (chapter_id, kind, key) WHERE state = 'ready' DO UPDATE SET run_at = least(hub_job.run_at, excluded.run_at)
RETURNING id
"""
_LEFT = """
SELECT DISTINCT d.provider, d.chapter_id, d.connection_id FROM public.hub_inboxdelivery d
LEFT JOIN public.hub_chapter c ON c.id = d.chapter_id
WHERE (d.chapter_id IS NULL OR c.status = %(active)s) AND d.received_at < statement_timestamp() - interval '2 seconds'
    AND NOT EXISTS (
        SELECT FROM public.hub_job j
        WHERE (j.state = 'running' OR (j.state = 'ready' AND j.run_at <= statement_timestamp()))
            AND j.chapter_id = coalesce(d.chapter_id, %(hub)s)
            AND j.kind = CASE WHEN d.chapter_id IS NULL THEN 'inbound.spread' ELSE 'inbound.drain' END
            AND j.key = coalesce(d.connection_id::text, d.provider))
LIMIT 500
"""


def wish(provider: str, chapter: UUID | None, connection_id: UUID | None) -> bool:
    """A job for what was just kept, unless one is due; whether one had to be made or hurried."""
    kind = DRAIN if chapter else SPREAD
    asked = {
        "chapter": chapter or HUB,
        "kind": kind,
        "key": str(connection_id) if chapter else provider,
        "named": "connection" if chapter else "provider",
        "priority": PRIORITY,
        "max_attempts": kinds.max_attempts(kind),
    }
    with connection.cursor() as cursor:
        cursor.execute(_WISH, asked)
        row = cursor.fetchone()
    if row is not None:
        nudges.nudge(row[0])
    return row is not None


def wish_for_what_is_left() -> int:
    """Jobs for deliveries that none will take soon."""
    with connection.cursor() as cursor:
        cursor.execute(_LEFT, {"active": Chapter.Status.ACTIVE, "hub": HUB})
        left = cursor.fetchall()
    return sum(wish(provider, chapter, connection_id) for provider, chapter, connection_id in left)
