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

Keys = tuple[tuple[str, ...], ...]

# Conditions per column and `= ANY`: the planner takes the index of the rarest. Pairs are put together afterwards.
_CANDIDATES = """
SELECT {columns} FROM {table} t
WHERE {conditions} AND NOT EXISTS (
    SELECT FROM integrations_recordlink l
    WHERE l.target = %s AND l.record_id = t.id AND l.connection_id = %s AND l.resource = %s AND l.state = 'active'
      AND starts_with(l.external_id, %s))
"""
_OF_NO_OTHER_ACCOUNT = """
AND NOT EXISTS (
    SELECT FROM integrations_recordlink l JOIN integrations_connection c ON c.id = l.connection_id
    WHERE l.target = %s AND l.record_id = t.id AND l.state = 'active' AND (c.provider, c.account_id) <> (%s, %s))
"""


def match(cursor: CursorWrapper, route: Route, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, UUID]:
    """External key -> id of the record of ours that it is, by the target's natural keys, the first of them first.

    `rows` are the columns of the records without a link, by external key. A record that is already linked to this resource
    (within the same parent's list) is never matched again, an ambiguous natural key matches nothing, nor does a weaker one
    where both have a stronger one and it differs (father and son at one address), nor what another account knows by a number
    of its own; and of several that claim one record only the first gets it. One query per natural key.
    """
    matched: dict[str, UUID] = {}
    claimed: set[UUID] = set()
    for rank, columns in enumerate(route.target.natural_keys):
        stronger = route.target.natural_keys[:rank]
        name_of = _name_of(columns)
        named = {key: name_of(row) for key, row in rows.items() if key not in matched}
        named = {key: name for key, name in named.items() if None not in name and "" not in name}
        if not named:
            continue
        ours = _candidates(cursor, route, columns, stronger, set(named.values()))
        for key, name in named.items():
            found = [one["id"] for one in ours.get(name, ()) if not _differ(stronger, rows[key], one)]
            if len(found) == 1 and found[0] not in claimed:
                matched[key] = found[0]
                claimed.add(found[0])
    return matched


def _name_of(columns: tuple[str, ...]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    if len(columns) > 1:
        return itemgetter(*columns)
    (column,) = columns
    return lambda row: (row[column],)


def _differ(keys: Keys, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    """Whether one of the keys says that these are two records: both have it whole, and it is not the same."""
    for columns in keys:
        one, other = ([record[column] for column in columns] for record in (theirs, ours))
        if one != other and all(value not in (None, "") for value in [*one, *other]):
            return True
    return False


def _candidates(
    cursor: CursorWrapper, route: Route, columns: tuple[str, ...], stronger: Keys, names: set[tuple[Any, ...]]
) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    """Ours by name, each with its id and the columns of its stronger keys."""
    store = table(route.target.model)
    shown = ["id", *(column for key in stronger for column in key)]
    identifiers = [sql.SQL("t.{}").format(store.column(column)) for column in columns]
    conditions = [sql.SQL("{} = ANY(%s)").format(identifier) for identifier in identifiers]
    # What the partial index leaves out is said once more, so that the planner may use it.
    texts = [
        identifier for identifier, value in zip(identifiers, next(iter(names)), strict=True) if isinstance(value, str)
    ]
    conditions += [sql.SQL("NOT {} = ''").format(identifier) for identifier in texts]
    statement = sql.SQL(_CANDIDATES).format(
        columns=sql.SQL(", ").join([*(sql.SQL("t.{}").format(store.column(name)) for name in shown), *identifiers]),
        table=store.name,
        conditions=sql.SQL(" AND ").join(conditions),
    )
    values = [_array({name[index] for name in names}) for index in range(len(columns))]
    prefix = "" if route.parent is None else f"{route.parent}/"
    asked = [*values, route.target.name, route.connection.pk, route.resource.name, prefix]
    if route.target.own_numbers:
        statement += sql.SQL(_OF_NO_OTHER_ACCOUNT)
        asked += [route.target.name, route.connection.provider, route.connection.account_id]
    cursor.execute(statement, asked)
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in cursor.fetchall():
        name = tuple(row[len(shown) :])
        found.setdefault(name, []).append(dict(zip(shown, row, strict=False)))
    return found


def _array(values: set[Any]) -> Any:
    """Texts as one literal, which takes the column's own type; what else there may be, as psycopg does it."""
    return array_of_texts(values) if all(isinstance(value, str) for value in values) else list(values)
