"""What all workers share about vendors lives in Postgres, outside the caller's transaction.

One plain autocommit connection per process: a limit that was used stays used when the caller rolls back, a caller that
holds a transaction open for minutes delays nobody, and threads that may not touch the ORM may come here. Losing the last
milliseconds of it in a crash does no harm, so it does not wait for the disk.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import connection as django_connection

_lock = threading.RLock()
_open: dict[int, psycopg.Connection[Any]] = {}  # by process: a forked worker must not speak on its parent's socket


def execute(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of one statement. A connection that died is replaced once."""
    with _lock:
        try:
            return _execute(sql, parameters)
        except psycopg.OperationalError:
            close()
            return _execute(sql, parameters)


def close() -> None:
    with _lock:
        mine = _open.pop(os.getpid(), None)
        if mine is not None:
            mine.close()


def _execute(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    cursor = _connection().execute(sql, parameters)
    return cursor.fetchall() if cursor.description else []


def _connection() -> psycopg.Connection[Any]:
    mine = _open.get(os.getpid())
    if mine is None or mine.closed:
        wanted = django_connection.get_connection_params()
        for ours in ("context", "cursor_factory", "prepare_threshold"):  # Django's types and cursors stay Django's
            wanted.pop(ours, None)
        mine = _open[os.getpid()] = psycopg.connect(**wanted, autocommit=True)
        mine.execute("SET synchronous_commit = off")
        mine.execute("SET lock_timeout = '5s'")
    return mine
