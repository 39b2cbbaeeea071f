"""A batch's effects, written: rows, their children and the links, a fixed number of statements for any number of records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.db import DataError, IntegrityError, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from integrations.mapping.compile import Reason
from integrations.targets import Children

from . import links
from .batch import Effect, Route
from .copy import table

Rows = list[dict[str, Any]]
Refuse = Callable[[Effect, list[Reason]], None]


def write(
    cursor: CursorWrapper, route: Route, effects: Sequence[Effect], now: datetime, refuse: Refuse
) -> list[Effect]:
    """Write what can be written; returns it. What the database refuses (a number that must be unique and is not) is found by
    halving, and handed to `refuse` with the database's reason: one record never costs its batch."""
    if not effects:
        return []
    try:
        with transaction.atomic():
            _write(cursor, route, effects, now)
    except (DataError, IntegrityError, UnicodeError) as error:
        if len(effects) == 1:
            refuse(effects[0], [_reason(error)])
            return []
        middle = len(effects) // 2
        first = write(cursor, route, effects[:middle], now, refuse)
        return first + write(cursor, route, effects[middle:], now, refuse)
    return list(effects)


def _write(cursor: CursorWrapper, route: Route, effects: Sequence[Effect], now: datetime) -> None:
    store = table(route.target.model)
    # Two of their records may be one of ours: the later one was worked out from the earlier.
    rows = {effect.record_id: effect for effect in effects if effect.row is not None}
    fresh = [effect.row for effect in rows.values() if effect.fresh and effect.row]
    store.insert(cursor, fresh, {"version": 1, "created_at": now, "updated_at": now})
    store.upsert(cursor, [effect.row for effect in rows.values() if not effect.fresh and effect.row])
    for child in route.target.children:
        replace_children(cursor, child, effects)
    links.save(cursor, route, effects, now)
    # A broken reference is found here, inside the savepoint, and not when the whole batch is committed.
    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def replace_children(cursor: CursorWrapper, child: Children, effects: Sequence[Effect]) -> None:
    """Children whose parent's list changed: out with the old, in with the new."""
    changes = [(effect, old, new) for effect in effects for which, old, new in effect.children if which is child]
    if not child.key:
        changes = list({change[0].record_id: change for change in changes}.values())
    store = table(child.model)
    known = [(effect, old, new) for effect, old, new in changes if not effect.fresh]
    if known and not child.key:
        statement = sql.SQL("DELETE FROM {} WHERE {} = ANY(%s)").format(store.name, store.column(child.parent))
        cursor.execute(statement, [[effect.record_id for effect, _, _ in known]])
    elif known:
        _delete_by_key(cursor, child, known)
    store.insert(cursor, [{**row, child.parent: effect.record_id} for effect, _, new in changes for row in new])


def _delete_by_key(cursor: CursorWrapper, child: Children, known: Sequence[tuple[Effect, Rows, Rows]]) -> None:
    """Only the siblings this system speaks of, or spoke of."""
    store = table(child.model)
    spoken: list[tuple[Any, ...]] = [
        (effect.record_id, *(row[column] for column in child.key)) for effect, old, new in known for row in [*old, *new]
    ]
    if not spoken:
        return
    columns = [store.column(name) for name in (child.parent, *child.key)]
    statement = sql.SQL("DELETE FROM {table} WHERE ({columns}) IN (SELECT * FROM unnest({arrays}))").format(
        table=store.name,
        columns=sql.SQL(", ").join(columns),
        arrays=sql.SQL(", ").join(
            sql.SQL("%s::{}[]").format(sql.SQL(store.type_of(name))) for name in (child.parent, *child.key)
        ),
    )
    cursor.execute(statement, [list(values) for values in zip(*spoken, strict=True)])


def _reason(error: Exception) -> Reason:
    """The database's own words, the field first where it names one: `Key (member_number)=(A1) already exists.`"""
    diagnosis = getattr(error.__cause__, "diag", None)
    if diagnosis is None:
        return Reason("", "the database refuses it: it holds characters that cannot be stored")
    said = diagnosis.message_detail or diagnosis.message_primary or "no reason given"
    name = diagnosis.column_name or (said[said.find("(") + 1 : said.find(")")] if said.startswith("Key (") else "")
    return Reason(name, f"the database refuses it: {said}")
