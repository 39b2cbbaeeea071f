"""Who is changing things, said to the database, whose triggers write it into the feed.

An origin is `connection:<id>`, `user:<id>`, `api:<key id>`, `undo:<run id>`, `merge:<id>` or, for a shell and plain SQL,
empty. What a connection brought here is not sent back to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import connection, transaction

_LOCAL = "SELECT set_config('chapterhouse.origin', %s, true), set_config('chapterhouse.run', %s, true)"
_SESSION = "SELECT set_config('chapterhouse.origin', %s, false)"
_SPOKEN = """
SELECT coalesce(current_setting('chapterhouse.origin', true), ''), coalesce(current_setting('chapterhouse.run', true), '')
"""


def speak(origin: str, run: UUID | None = None) -> None:
    """From here to the end of the transaction (or of a savepoint that is rolled back) the changes are this origin's."""
    if not connection.in_atomic_block:
        raise RuntimeError("speak() counts for a transaction: call it inside transaction.atomic().")
    with connection.cursor() as cursor:
        cursor.execute(_LOCAL, [origin, "" if run is None else str(run)])


@contextmanager
def by(origin: str, run: UUID | None = None) -> Iterator[None]:
    """A transaction whose changes are this origin's; who spoke before speaks again afterwards."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_SPOKEN)
            before = cursor.fetchone()
        speak(origin, run)
        yield
        with connection.cursor() as cursor:
            cursor.execute(_LOCAL, before)


def of_connection(connection_id: UUID) -> str:
    return f"connection:{connection_id}"


def of_user(user: Any) -> str:
    """Empty for nobody."""
    return f"user:{user.pk}" if user is not None and user.pk is not None else ""


def of_key(key: Any) -> str:
    return f"api:{key.pk}"


def of_undo(run_id: UUID | None) -> str:
    """Of the run that is taken back."""
    return f"undo:{run_id}"


def speak_for_the_request(origin: str) -> None:
    """What this database session changes is this origin's until somebody else is named: requests do not live in one
    transaction. Whatever `speak` says inside a transaction goes before it."""
    with connection.cursor() as cursor:
        cursor.execute(_SESSION, [origin])
