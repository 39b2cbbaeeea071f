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

# Key by key (OFFSET keeps it so): the planner, which knows nothing yet of a table that is being filled, would read all of an
# index whose condition fits.
_CANDIDATES = """
SELECT {columns} FROM unnest({arrays}) AS wanted ({wanted})
CROSS JOIN LATERAL (SELECT * FROM {table} o WHERE {conditions} OFFSET 0) t
WHERE NOT EXISTS (
    SELECT FROM integrations_recordlink l
    WHERE l.target = %s AND l.record_id = t.id AND l.connection_id = %s AND l.resource = %s AND l.state = 'active'
      AND starts_with(l.external_id, %s))
"""
_OF_NO_OTHER_ACCOUNT = """
AND NOT EXISTS (
    SELECT FROM integrations_recordlink l JOIN integrations_connection c ON c.id = l.connection_id
    WHERE l.target = %s AND l.record_id = t.id AND l.state = 'active'
      AND (c.provider, coalesce(nullif(c.account_id, ''), c.id::text)) <> (%s, %s))
"""


def match(
    cursor: CursorWrapper,
    route: Route,
    rows: Mapping[str, Mapping[str, Any]],
    vetoed: dict[str, list[UUID]] | None = None,
) -> dict[str, UUID]:
    """External key -> id of the record of ours that it is, by the target's natural keys, the first of them first.

    `rows` are the columns of the records without a link, by external key. A record that is already linked to this resource
    (within the same parent's list) is never matched again, an ambiguous natural key matches nothing, nor does a weaker one
    where both have a stronger one and it differs (father and son at one address), nor one where the target says what tells two
    apart (another birth date), nor what another account knows by a number of its own; and of several that claim one record only
    the first gets it. What a difference spoke against is put into `vetoed`. One query per natural key.
    """
    matched: dict[str, UUID] = {}
    claimed: set[UUID] = set()
    for rank, columns in enumerate(route.target.natural_keys):
        stronger = (*route.target.natural_keys[:rank], *route.target.apart)
        name_of = _name_of(columns)
        named = {key: name_of(row) for key, row in rows.items() if key not in matched}
        named = {key: name for key, name in named.items() if None not in name and "" not in name}
        if not named:
            continue
        ours = _candidates(cursor, route, columns, stronger, set(named.values()))
        for key, name in named.items():
            called_so = ours.get(name, ())
            found = [one["id"] for one in called_so if not _differ(stronger, rows[key], one)]
            if vetoed is not None and len(found) < len(called_so):
                vetoed.setdefault(key, []).extend(one["id"] for one in called_so if one["id"] not in found)
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
    texts = [isinstance(value, str) for value in next(iter(names))]
    wanted = [sql.Identifier(f"key{index}") for index in range(len(columns))]
    ours = [sql.SQL("o.{}").format(store.column(column)) for column in columns]
    conditions = [sql.SQL("{} = wanted.{}").format(*pair) for pair in zip(ours, wanted, strict=True)]
    # What the partial index leaves out is said once more, so that the planner may use it.
    conditions += [sql.SQL("NOT {} = ''").format(one) for one, text in zip(ours, texts, strict=True) if text]
    types = ["text" if text else store.type_of(column) for column, text in zip(columns, texts, strict=True)]
    statement = sql.SQL(_CANDIDATES).format(
        columns=sql.SQL(", ").join([*(sql.SQL("t.{}").format(store.column(name)) for name in shown), *identifiers]),
        arrays=sql.SQL(", ").join(sql.SQL("%s::{}[]").format(sql.SQL(one)) for one in types),
        wanted=sql.SQL(", ").join(wanted),
        table=store.name,
        conditions=sql.SQL(" AND ").join(conditions),
    )
    values = [
        array_of_texts(one) if text else list(one) for one, text in zip(zip(*names, strict=True), texts, strict=True)
    ]
    prefix = "" if route.parent is None else f"{route.parent}/"
    asked = [*values, route.target.name, route.connection.pk, route.resource.name, prefix]
    if route.target.own_numbers:
        statement += sql.SQL(_OF_NO_OTHER_ACCOUNT)
        # A vendor that names no account: each connection is one of its own.
        asked += [
            route.target.name,
            route.connection.provider,
            route.connection.account_id or str(route.connection.pk),
        ]
    cursor.execute(statement, asked)
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in cursor.fetchall():
        name = tuple(row[len(shown) :])
        found.setdefault(name, []).append(dict(zip(shown, row, strict=False)))
    return found
