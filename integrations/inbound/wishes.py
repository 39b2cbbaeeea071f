"""The jobs that empty the inbox: wished for after a delivery was kept, and not in its transaction.

A burst would otherwise queue up at one row. Nothing is missed: a job that is due now is claimed later than now and sees
what is kept now, so only where none is due one is made, or hurried; and what a process that died had no time to wish for,
the tick does (`hub.jobs.inbox`).
"""

from __future__ import annotations

from django.db import DatabaseError, InterfaceError

from integrations.hub.jobs import inbox

from .intake import Kept


def wish(kept: Kept) -> None:
    """The delivery is safe: a database that went away since costs time, not the delivery."""
    try:
        inbox.wish(kept.provider, kept.chapter, kept.connection)
    except (DatabaseError, InterfaceError):
        return
