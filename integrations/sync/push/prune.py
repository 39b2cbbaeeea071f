"""What was sent long ago is forgotten, except what the next key of a record is counted from."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction

# The newest of each record and operation stays: its version makes the next key one that no vendor has ever seen.
_PRUNE = """
DELETE FROM integrations_outboundwrite WHERE id IN (
    SELECT w.id FROM integrations_outboundwrite w
    WHERE w.state = 'done' AND w.finished_at < now() - %(keep)s AND EXISTS (
        SELECT FROM integrations_outboundwrite n
        WHERE n.connection_id = w.connection_id AND n.resource = w.resource AND n.record_id = w.record_id AND n.op = w.op
            AND n.version > w.version AND n.state = 'done')
    LIMIT %(batch)s)
"""
BATCH = 5_000


def prune() -> int:
    """Delete what was sent more than SENT_KEEP_DAYS ago, in short transactions; returns how many. What waits, was refused or is
    in doubt stays, however old. 0 days keeps everything."""
    pruned = 0
    while settings.SENT_KEEP_DAYS:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_PRUNE, {"keep": timedelta(days=settings.SENT_KEEP_DAYS), "batch": BATCH})
            pruned += cursor.rowcount
            if cursor.rowcount < BATCH:
                break
    return pruned
