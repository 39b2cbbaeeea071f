"""Records that are not linked yet, found among ours by what both call them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db.backends.utils import CursorWrapper
from psycopg import sql

from .batch import Route
from .columns import array_of_texts
from .copy import table

# Conditions per column and `= ANY`: the planner takes the index of the rarest. Pairs are put together afterwards.
_CANDIDATES = """
SELECT t.id, {columns} FROM {table} t
WHERE {conditions} AND NOT EXISTS (
    SELECT FROM integrations_recordlink l
    WHERE l.target = %s AND l.record_id = t.id AND l.connection_id = %s AND l.resource = %s AND l.state = 'active'
      AND starts_with(l.external_id, %s))
"""


def match(cursor: CursorWrapper, route: Route, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, UUID]:
    """External key -> id of the record of ours that it is, by the target's natural keys, the first of them first.

    `rows` are the columns of the records without a link, by external key. A record that is already linked to this resource
    (within the same parent's list) is never matched again, an ambiguous natural key matches nothing, and of several that claim
    one record only the first gets it. One query per natural key.
    """
    matched: dict[str, UUID] = {}
    claimed: set[UUID] = set()
    for columns in route.target.natural_keys:
        name_of = _name_of(columns)
        named = {key: name_of(row) for key, row in rows.items() if key not in matched}
        named = {key: name for key, name in named.items() if None not in name and "" not in name}
        if not named:
            continue
        ours = _candidates(cursor, route, columns, set(named.values()))
        for key, name in named.items():
            found = ours.get(name, ())
            if len(found) == 1 and found[0] not in claimed:
                matched[key] = found[0]
                claimed.add(found[0])
    return matched


def _name_of(columns: tuple[str, ...]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    if len(columns) > 1:
        return itemgetter(*columns)
    (column,) = columns
    return lambda row: (row[column],)


def _candidates(
    cursor: CursorWrapper, route: Route, columns: tuple[str, ...], names: set[tuple[Any, ...]]
) -> dict[tuple[Any, ...], list[UUID]]:
    store = table(route.target.model)
    identifiers = [sql.SQL("t.{}").format(store.column(column)) for column in columns]
    conditions = [sql.SQL("{} = ANY(%s)").format(identifier) for identifier in identifiers]
    # What the partial index leaves out is said once more, so that the planner may use it.
    texts = [
        identifier for identifier, value in zip(identifiers, next(iter(names)), strict=True) if isinstance(value, str)
    ]
    conditions += [sql.SQL("NOT {} = ''").format(identifier) for identifier in texts]
    statement = sql.SQL(_CANDIDATES).format(
        columns=sql.SQL(", ").join(identifiers),
        table=store.name,
        conditions=sql.SQL(" AND ").join(conditions),
    )
    values = [_array({name[index] for name in names}) for index in range(len(columns))]
    prefix = "" if route.parent is None else f"{route.parent}/"
    cursor.execute(statement, [*values, route.target.name, route.connection.pk, route.resource.name, prefix])
    found: dict[tuple[Any, ...], list[UUID]] = {}
    for record_id, *name in cursor.fetchall():
        found.setdefault(tuple(name), []).append(record_id)
    return found


def _array(values: set[Any]) -> Any:
    """Texts as one literal, which takes the column's own type; what else there may be, as psycopg does it."""
    return array_of_texts(values) if all(isinstance(value, str) for value in values) else list(values)
