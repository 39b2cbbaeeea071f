"""The feed keeps what undo, history and slow readers need, and no more."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction

# Never what a reader has still to read, unless that reader has not moved for as long as the feed is kept.
_PRUNE = """
WITH old AS (
    SELECT id FROM integrations_changeset
    WHERE at < now() - %(keep)s AND xid < coalesce(
        (SELECT min(xid) FROM integrations_changeposition WHERE moved_at > now() - %(keep)s), 9223372036854775807)
    ORDER BY at LIMIT %(batch)s),
gone AS (DELETE FROM integrations_change WHERE changeset_id IN (SELECT id FROM old))
DELETE FROM integrations_changeset WHERE id IN (SELECT id FROM old)
"""
# Change sets of a load hold thousands of changes each.
BATCH = 20


def prune() -> int:
    """Delete what is older than CHANGES_KEEP_DAYS, in short transactions; returns how many change sets went."""
    pruned = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_PRUNE, {"keep": timedelta(days=settings.CHANGES_KEEP_DAYS), "batch": BATCH})
            pruned += cursor.rowcount
            if cursor.rowcount < BATCH:
                return pruned
