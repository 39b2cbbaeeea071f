"""Refused deliveries are counted, not kept. A flood of them costs the database one statement a second per process."""

from __future__ import annotations

import threading
import time
from collections import Counter

from django.db import DatabaseError, InterfaceError, connection

from integrations import registry

EVERY_SECONDS = 1.0
_ADD = """
INSERT INTO public.hub_refusals (provider, hour, refused)
SELECT provider, date_trunc('hour', statement_timestamp()), refused
FROM unnest(%s::text[], %s::bigint[]) AS n (provider, refused)
ON CONFLICT (provider, hour) DO UPDATE SET refused = hub_refusals.refused + excluded.refused
"""
_lock = threading.Lock()
_waiting: Counter[str] = Counter()
_last = time.monotonic()


def count(provider: str) -> None:
    """One more. Names that are no provider's count together: an attacker does not fill a table."""
    global _last
    with _lock:
        _waiting[provider if provider in registry.all_providers() else ""] += 1
        if time.monotonic() - _last < EVERY_SECONDS:
            return
        _last, told = time.monotonic(), dict(_waiting)
        _waiting.clear()
    write(told)


def write(told: dict[str, int]) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute(_ADD, [list(told), list(told.values())])
    except (DatabaseError, InterfaceError):  # a number that is a little too small harms nobody
        connection.close()
