"""Brings the triggers of a chapter's schema up to date, after every migration of it."""

from __future__ import annotations

import hashlib
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from .triggers import CHANGE_SET, statements
from .watched import watched

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
# A function says in its comment which text made it; a trigger is there or not.
_KNOWN = """
SELECT p.proname, coalesce(obj_description(p.oid, 'pg_proc'), ''), t.oid IS NOT NULL
FROM pg_proc p LEFT JOIN pg_trigger t ON t.tgfoid = p.oid
WHERE p.pronamespace = current_schema()::regnamespace AND starts_with(p.proname, 'changes_')
"""


def install() -> list[str]:
    """Make the triggers that are missing or of an older text; returns the names of those made."""
    made: list[str] = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TABLES)
        tables = {row[0] for row in cursor.fetchall()}
        if "integrations_change" not in tables:
            return made
        cursor.execute(_KNOWN)
        known = {name: (mark, attached) for name, mark, attached in cursor.fetchall()}
        if known.get("changes_set", ("", False))[0] != _mark(CHANGE_SET):
            _make(cursor, "changes_set", sql.SQL(CHANGE_SET), _mark(CHANGE_SET))
        for one in watched():
            if one.table not in tables:
                continue
            for name, (function, trigger) in statements(one).items():
                mark = _mark(function.as_string() + trigger.as_string())
                if known.get(name) != (mark, True):
                    _make(cursor, name, function, mark)
                    cursor.execute(trigger)
                    made.append(name)
    return made


def install_after_migrate(**kwargs: Any) -> None:
    """The hub's schema has no such tables, and nothing happens there."""
    install()


def _make(cursor: CursorWrapper, name: str, statement: sql.Composable, mark: str) -> None:
    cursor.execute(statement)
    cursor.execute(sql.SQL("COMMENT ON FUNCTION {}() IS {}").format(sql.Identifier(name), sql.Literal(mark)))


def _mark(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
