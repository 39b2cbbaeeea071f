"""Jobs that every chapter needs again and again: a wish per active chapter, made by one statement when the time has come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.db import connection

from integrations.hub.models import Chapter

from . import kinds
from .kinds import Body

# By its id each chapter has its own place in the interval, so that they do not all come at once.
_WISH = """
WITH active AS (SELECT id FROM hub_chapter WHERE status = %(active)s),
turns AS (
    INSERT INTO hub_turn (chapter_id, claimed_at) SELECT id, 'epoch'::timestamptz FROM active ON CONFLICT DO NOTHING)
INSERT INTO hub_job (chapter_id, kind, key, payload, priority, state, run_at, attempts, max_attempts, last_error, created_at)
SELECT id, %(kind)s, '', '{}', 7, 'ready',
    statement_timestamp() + %(every)s * ((hashtext(id::text) & 1023) / 1024.0), 0, %(max_attempts)s, '', statement_timestamp()
FROM active ON CONFLICT (chapter_id, kind, key) WHERE state = 'ready' DO NOTHING
"""

_every: dict[str, timedelta] = {}


def regular(kind: str, *, every: timedelta) -> Callable[[Body], Body]:
    """Have jobs of this kind wished for every active chapter, so often."""

    def register(body: Body) -> Body:
        _every[kind] = every
        return body

    return register


def known() -> dict[str, timedelta]:
    return dict(_every)


def wish(kind: str) -> int:
    """One job for each active chapter, spread over the interval; returns how many are new."""
    asked = {
        "active": Chapter.Status.ACTIVE,
        "kind": kind,
        "every": _every[kind],
        "max_attempts": kinds.max_attempts(kind),
    }
    with connection.cursor() as cursor:
        cursor.execute(_WISH, asked)
        return int(cursor.rowcount)
