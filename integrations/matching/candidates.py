"""Which of ours a batch of their records may be: one statement per rule that finds, whatever the size of the batch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any
from uuid import UUID

import orjson
from django.db.backends.utils import CursorWrapper
from django.db.models import JSONField
from psycopg import sql

from integrations.sync.batch import Route
from integrations.sync.columns import array_of_texts
from integrations.sync.copy import table
from integrations.targets import Target

from .keys import KEYED_BY, KEYS, expression
from .rules import Matching, Rule
from .score import MOST_SHARED, Candidate, score

# A key that very many of ours share (info@...) finds none of them; no more of its rows are read than tell so.
_FIND = """
SELECT {columns}, wanted.key, count(*) OVER (PARTITION BY wanted.key)
FROM unnest(%s::{type}[]) AS wanted (key)
CROSS JOIN LATERAL (SELECT * FROM {table} t WHERE {key} = wanted.key{said} LIMIT %s) t
"""
# What this resource has linked already (within the same parent's list) is somebody else there, and so here. OFFSET keeps the
# planner, which knows nothing yet of a table that is being filled, from reading all links of the resource.
_LINKED = """
SELECT DISTINCT record_id FROM (SELECT * FROM integrations_recordlink WHERE record_id = ANY(%s) OFFSET 0) l
WHERE target = %s AND connection_id = %s AND resource = %s AND state = 'active' AND starts_with(external_id, %s)
"""

Row = Mapping[str, Any]


def candidates(
    cursor: CursorWrapper,
    route: Route,
    rows: Mapping[str, Row],
    vetoed: Mapping[str, Sequence[UUID]],
    *,
    taken: Collection[UUID],
) -> dict[str, list[Candidate]]:
    """External key -> the records of ours that it resembles enough to be asked about, best first.

    `rows` are the columns of records without a link; `vetoed` are records of ours with their natural key that something else
    tells apart; `taken` are records of ours that others of the batch turned out to be.
    """
    matching = route.target.matching
    if matching is None or not rows:
        return {}
    found = _Found()
    for rule in matching.rules:
        if rule.find and (named := _named(rule, _worth_looking(route.target, matching, rule, rows))):
            _find(cursor, route.target, rule, named, found)
    _add(cursor, route.target, rows, vetoed, found)
    if not found.ours:
        return {}
    for record_id in {*_linked(cursor, route, list(found.ours)), *taken}:
        found.ours.pop(record_id, None)
    return _scored(route.target, matching, rows, found)


@dataclass
class _Found:
    """`ours`: rows that share a key with a record of theirs; `whose`: external key -> their ids; `shared`: external key ->
    of how many of ours its value of a rule is, where that is known."""

    ours: dict[UUID, Row] = field(default_factory=dict)
    whose: dict[str, dict[UUID, None]] = field(default_factory=dict)
    shared: dict[str, dict[Rule, int]] = field(default_factory=dict)


def _worth_looking(target: Target, matching: Matching, rule: Rule, rows: Mapping[str, Row]) -> Mapping[str, Row]:
    """Those records that could be asked about if the rule alone finds somebody: by a name where nothing is said that another
    could share, nobody need be looked for. What other rules find exactly, they find themselves."""
    if rule.weight >= matching.review:
        return rows
    found_anyway = {one.fields for one in matching.rules if one.find and one.how != "name"} | set(target.natural_keys)
    more = [(one.fields, one.weight) for one in matching.rules if one != rule and one.fields not in found_anyway]
    missing = matching.review - rule.weight
    return {
        key: row
        for key, row in rows.items()
        if sum(weight for fields, weight in more if any(row[name] for name in fields)) >= missing
    }


def _named(rule: Rule, rows: Mapping[str, Row]) -> dict[Any, list[str]]:
    """What is looked for -> the external keys of the records that are looked for by it."""
    named: dict[Any, list[str]] = {}
    keys, fields = KEYS[rule.how], rule.fields[: KEYED_BY.get(rule.how, 1)]
    values = itemgetter(*fields) if len(fields) > 1 else lambda row: (row[fields[0]],)
    for external_id, row in rows.items():
        for name in keys(*values(row)):
            named.setdefault(name, []).append(external_id)
    return named


def _find(cursor: CursorWrapper, target: Target, rule: Rule, named: Mapping[Any, list[str]], found: _Found) -> None:
    store = table(target.model)
    shown = ["id", *(target.matching.fields if target.matching else ())]
    columns = [sql.SQL("t.{}").format(store.column(name)) for name in rule.fields[: KEYED_BY.get(rule.how, 1)]]
    texts = isinstance(next(iter(named)), str)
    # What the partial index leaves out is said once more, so that the planner may use it.
    said = sql.SQL("").join(sql.SQL(" AND NOT {} = ''").format(column) for column in columns if texts)
    statement = sql.SQL(_FIND).format(
        columns=sql.SQL(", ").join(sql.SQL("t.{}").format(store.column(name)) for name in shown),
        key=expression(rule.how, columns),
        table=store.name,
        type=sql.SQL("text" if texts else store.type_of(rule.fields[0])),
        said=said,
    )
    cursor.execute(statement, [array_of_texts(named) if texts else list(named), MOST_SHARED + 1])
    for *values, key, many in cursor.fetchall():
        row = dict(zip(shown, values, strict=True))
        for external_id in named[key]:
            found.shared.setdefault(external_id, {})[rule] = many
            if many <= MOST_SHARED:
                found.whose.setdefault(external_id, {})[row["id"]] = None
        if many <= MOST_SHARED:
            found.ours[row["id"]] = _loaded(target, row)


def _add(
    cursor: CursorWrapper, target: Target, rows: Mapping[str, Row], vetoed: Mapping[str, Sequence[UUID]], found: _Found
) -> None:
    more = {external_id: ids for external_id, ids in vetoed.items() if external_id in rows}
    if not more:
        return
    ours = table(target.model).found(cursor, list({one for ids in more.values() for one in ids}))
    found.ours |= ours
    for external_id, ids in more.items():
        found.whose.setdefault(external_id, {}).update(dict.fromkeys(one for one in ids if one in ours))
        found.shared.setdefault(external_id, {})


def _loaded(target: Target, row: dict[str, Any]) -> dict[str, Any]:
    for name, value in row.items():
        if isinstance(value, str) and isinstance(target.model._meta.get_field(name), JSONField):
            row[name] = orjson.loads(value)
    return row


def _linked(cursor: CursorWrapper, route: Route, ids: list[UUID]) -> set[UUID]:
    prefix = "" if route.parent is None else f"{route.parent}/"
    cursor.execute(_LINKED, [ids, route.target.name, route.connection.pk, route.resource.name, prefix])
    return {record_id for (record_id,) in cursor.fetchall()}


def _scored(target: Target, matching: Matching, rows: Mapping[str, Row], found: _Found) -> dict[str, list[Candidate]]:
    sure = unique_fields(target)
    scored: dict[str, list[Candidate]] = {}
    for external_id, ids in found.whose.items():
        row, shared = rows[external_id], found.shared[external_id]
        alike = [score(matching, row, found.ours[one], shared, sure=sure) for one in ids if one in found.ours]
        likely = [one for one in alike if not one.apart and one.score >= matching.review]
        if likely:
            scored[external_id] = sorted(likely, key=lambda one: (-one.score, str(one.record_id)))
    return scored


def unique_fields(target: Target) -> tuple[str, ...]:
    """Canonical fields that no two of ours can share: the table says so."""
    single = [columns[0] for columns in target.natural_keys if len(columns) == 1]
    return tuple(name for name in single if target.model._meta.get_field(name).unique)
