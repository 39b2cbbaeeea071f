"""Work on a database connection of its own.

A refreshed token must stay saved even when the caller's transaction rolls back, and it may be needed in a thread that
fetches pages and must not touch the ORM. So the work runs in a thread that enters the chapter by the one door, commits,
and closes its connection.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from uuid import UUID

from django.db import connection

from integrations import hub

Result = TypeVar("Result")


def apart(chapter_id: UUID, work: Callable[[], Result]) -> Result:
    """What `work` returns or raises, run inside the chapter on another connection. It sees only what is committed."""

    def entered() -> Result:
        try:
            with hub.enter(chapter_id):
                return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="apart") as pool:
        return pool.submit(entered).result()
