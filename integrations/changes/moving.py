"""A feed that came to another server. Transaction ids begin anew there, so that what is old would look like the future."""

from __future__ import annotations

from django.db import connection, transaction

# Everything here becomes older than any transaction of this server. A reader goes on before the first change it has not read:
# it may see some again, and misses none.
_READERS = """
UPDATE integrations_changeposition p SET xid = 0, change = coalesce(
    (SELECT min(c.id) - 1 FROM integrations_change c JOIN integrations_changeset s ON s.id = c.changeset_id
     WHERE (s.xid, c.id) > (p.xid, p.change)),
    (SELECT max(id) FROM integrations_change), 0)
"""
_SETS = "UPDATE integrations_changeset SET xid = 0"


def settle_in() -> int:
    """Make the chapter's feed this server's; returns how many change sets there are. Nobody may write meanwhile."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE integrations_changeset, integrations_changeposition IN EXCLUSIVE MODE")
        cursor.execute(_READERS)
        cursor.execute(_SETS)
        return int(cursor.rowcount)
