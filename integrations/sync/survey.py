"""What a batch did, looked at inside its transaction before it is rolled back: samples, reasons, and what was left alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection as database
from django.db import models
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from integrations import shown
from integrations.mapping.compile import Reason
from integrations.targets import Target

from . import deletes
from .batch import Route
from .columns import array_of_texts
from .models import QuarantinedRecord, RecordLink, ResourceState

MOST_FIELDS = 12
REASONS_OF_A_SAMPLE = 5

Sample = dict[str, Any]

_MARK = "SELECT coalesce(max(id), 0) FROM integrations_change"
_CHANGES = """
(SELECT c.aggregate_id, c.part, c.op, c.before::text, c.after::text FROM integrations_change c
 JOIN integrations_changeset s ON s.id = c.changeset_id
 WHERE s.run_id = %(run)s AND c.id > %(mark)s AND c.target = %(target)s AND c.part = '' AND c.op = 'insert'
 ORDER BY c.id LIMIT %(create)s)
UNION ALL
(SELECT c.aggregate_id, c.part, c.op, c.before::text, c.after::text FROM integrations_change c
 WHERE c.id > %(mark)s AND c.target = %(target)s AND c.aggregate_id IN (
    SELECT u.aggregate_id FROM integrations_change u JOIN integrations_changeset s ON s.id = u.changeset_id
    WHERE s.run_id = %(run)s AND u.id > %(mark)s AND u.target = %(target)s AND u.op <> 'overruled'
    GROUP BY u.aggregate_id HAVING NOT bool_or(u.part = '' AND u.op = 'insert')
    ORDER BY min(u.id) LIMIT %(update)s)
 ORDER BY c.id)
"""
_LEFT_ALONE = """
SELECT count(*) FILTER (WHERE l.state = 'unlinked'),
       count(*) FILTER (WHERE l.state = 'remote_deleted' AND r.id IS NULL)
FROM integrations_recordlink l LEFT JOIN {table} r ON r.id = l.record_id
WHERE l.connection_id = %s AND l.resource = %s AND l.external_id = ANY(%s::text[])
"""


@dataclass(kw_only=True)
class Survey:
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)


def mark() -> int:
    """Where the feed of changes stands before a batch."""
    with database.cursor() as cursor:
        cursor.execute(_MARK)
        return int(cursor.fetchone()[0])


def survey(
    route: Route, run_id: UUID, since: int, *, seen: Sequence[str], now: datetime, wants: Mapping[str, int]
) -> Survey:
    """Look at what a batch has done in this transaction since `mark`; `seen` are its keys, `wants` how many samples of each
    kind. A fixed number of queries."""
    found = Survey()
    with database.cursor() as cursor:
        if wants["create"] > 0 or wants["update"] > 0:
            found.samples = _changed(cursor, route, run_id, since, wants)
        found.skipped = _left_alone(cursor, route, seen)
    found.samples["delete"] = _deleted(route, seen, now, wants["delete"])
    found.samples["aside"], found.reasons = _aside(route, run_id, seen, now, wants["aside"])
    return found


def gone(
    route: Route, run_id: UUID, state: ResourceState | None, began: datetime, wanted: int
) -> tuple[int, list[Sample]]:
    """What a complete read did not show: how many, and some of them. `state`: whose kept keys count as shown, too."""
    count, links = deletes.unseen(route, state, run_id, began, wanted)
    return count, _named(route.target, links)


def of_links(route: Route, links: Sequence[UUID], wanted: int) -> list[Sample]:
    """Some of these, as records that were deleted there."""
    if not links or wanted <= 0:
        return []
    found = RecordLink.objects.filter(pk__in=links).order_by("external_id").values_list("external_id", "record_id")
    return _named(route.target, list(found[:wanted]))


def changed_at(route: Route, seen: Sequence[str], now: datetime) -> list[str]:
    """Those of the keys whose links were there before, and were changed at that moment."""
    links = RecordLink.objects.filter(connection=route.connection, resource=route.resource.name, external_id__in=seen)
    return list(links.filter(last_changed=now, first_seen__lt=now).values_list("external_id", flat=True))


def _changed(
    cursor: CursorWrapper, route: Route, run_id: UUID, since: int, wants: Mapping[str, int]
) -> dict[str, list[Sample]]:
    """Samples of what was made and what was changed, from the feed."""
    cursor.execute(
        _CHANGES,
        {
            "run": run_id,
            "mark": since,
            "target": route.target.name,
            "create": max(0, wants["create"]),
            "update": max(0, wants["update"]),
        },
    )
    changes: dict[str, list[Any]] = {}
    for record_id, part, op, before, after in cursor.fetchall():
        change = (part, op, before and orjson.loads(before), after and orjson.loads(after))
        changes.setdefault(str(record_id), []).append(change)
    keys = _keys(route, list(changes))
    model = route.target.model
    found = shown.objects((model, record_id) for record_id in changes)
    pointed = [
        shown.referred(model, values) for of_one in changes.values() for _, _, *both in of_one for values in both
    ]
    pointed += [shown.referred(model, _columns_of(row)) for row in found.values()]
    found |= shown.objects({pair for pairs in pointed for pair in pairs} - set(found))
    samples: dict[str, list[Sample]] = {"create": [], "update": []}
    for record_id, of_one in changes.items():
        row = found.get((model, record_id))
        made = any(part == "" and op == "insert" for part, op, _, _ in of_one)
        told = _as_made(route.target, row, found) if made else _as_changed(route.target, row, of_one, found)
        sample = {"key": keys.get(record_id, ""), "record": "" if made else record_id, "name": shown.name_of(row)}
        samples["create" if made else "update"].append({**sample, "changes": told})
    return samples


def _as_made(target: Target, row: models.Model | None, found: shown.Objects) -> list[dict[str, str]]:
    told = []
    for column, value in _columns_of(row).items():
        text = shown.text_of(target.model, column, value, found, getattr(row, "currency", ""))
        if text and column not in shown.OURS:
            told.append({**_named_column(target, column), "ours": "", "theirs": text})
    return told[:MOST_FIELDS]


def _as_changed(
    target: Target, row: models.Model | None, changes: Sequence[Any], found: shown.Objects
) -> list[dict[str, str]]:
    told, parts = [], {}
    currency = getattr(row, "currency", "")
    for part, op, before, after in changes:
        if part:
            parts.setdefault(part, Counter())[op] += 1
            continue
        for column in after or {}:
            if column in shown.OURS:
                continue
            ours, theirs = (
                shown.text_of(target.model, column, (values or {}).get(column), found, currency)
                for values in (before, after)
            )
            told.append({**_named_column(target, column), "ours": ours, "theirs": theirs})
    for part, ops in parts.items():
        rows = {"ours": f"{ops['delete'] + ops['update']} rows", "theirs": f"{ops['insert'] + ops['update']} rows"}
        told.append({"field": part, "label": shown.label(part), **rows})
    return told[:MOST_FIELDS]


def _named_column(target: Target, column: str) -> dict[str, str]:
    return {"field": shown.field_of(target, column), "label": shown.label_of(target, column)}


def _columns_of(row: models.Model | None) -> dict[str, Any]:
    return {} if row is None else {str(one.column): getattr(row, one.attname) for one in row._meta.concrete_fields}


def _keys(route: Route, record_ids: Sequence[str]) -> dict[str, str]:
    links = RecordLink.objects.filter(
        connection=route.connection, resource=route.resource.name, record_id__in=record_ids
    )
    return {str(record_id): key for record_id, key in links.values_list("record_id", "external_id")}


def _left_alone(cursor: CursorWrapper, route: Route, seen: Sequence[str]) -> Counter[str]:
    statement = sql.SQL(_LEFT_ALONE).format(table=sql.Identifier(route.target.model._meta.db_table))
    cursor.execute(statement, [route.connection.pk, route.resource.name, array_of_texts(seen)])
    unlinked, on_both_sides = cursor.fetchone()
    return Counter({"unlinked": unlinked, "deleted_on_both_sides": on_both_sides})


def _deleted(route: Route, seen: Sequence[str], now: datetime, wanted: int) -> list[Sample]:
    """Links that this batch has marked as deleted there."""
    if wanted <= 0:
        return []
    links = RecordLink.objects.filter(
        connection=route.connection, resource=route.resource.name, external_id__in=seen,
        state=RecordLink.State.REMOTE_DELETED, last_changed=now,
    ).order_by("external_id")  # fmt: skip
    return _named(route.target, list(links.values_list("external_id", "record_id")[:wanted]))


def _named(target: Target, links: Sequence[tuple[str, UUID]]) -> list[Sample]:
    found = shown.objects((target.model, str(record_id)) for _, record_id in links)
    return [
        {
            "key": key,
            "record": str(record_id),
            "name": shown.name_of(found.get((target.model, str(record_id)))),
            "changes": [],
        }
        for key, record_id in links
    ]


def _aside(
    route: Route, run_id: UUID, seen: Sequence[str], now: datetime, wanted: int
) -> tuple[list[Sample], Counter[tuple[str, str]]]:
    """What is in quarantine of this batch: it was refused just now, or it would have been resolved."""
    kept = QuarantinedRecord.objects.filter(
        models.Q(external_id__in=[key for key in seen if key]) | models.Q(external_id="", run_id=run_id, created_at=now),
        connection=route.connection, resource=route.resource.name, resolved_at=None,
    )  # fmt: skip
    samples: list[Sample] = []
    reasons: Counter[tuple[str, str]] = Counter()
    for key, why in kept.order_by("external_id").values_list("external_id", "reasons"):
        reasons.update({(one["field"], shown.cut(one["message"])) for one in why})
        if len(samples) < wanted:
            told = [shown.cut(str(Reason(one["field"], one["message"]))) for one in why]
            samples.append({"key": key, "reasons": told[:REASONS_OF_A_SAMPLE]})
    return samples, reasons
