"""Two records of ours made one: what would move, and the moving, in one transaction that the change feed knows as `merge:<id>`.

The kept record's values stay unless a person chose the other's; what it says nothing about is filled in. Links and whatever
refers to the merged record become the kept one's. Where both have a link of the same resource both stay: what is sent goes to
both, since both are the same person there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection
from django.utils import timezone
from psycopg import sql
from pydantic import BaseModel

from integrations import targets
from integrations.changes import origins
from integrations.conflicts.models import Conflict
from integrations.shown import label
from integrations.sync.copy import table
from integrations.sync.intake import row_of, validated
from integrations.sync.models import RecordLink
from integrations.sync.rebuild import canonical_of
from integrations.targets import Children, Target

from . import sidebyside
from .models import Merge
from .references import references

KEPT, MERGED, BOTH = "kept", "merged", "both"

_MOVE = "UPDATE {table} SET {column} = %s{counted} WHERE {column} = %s RETURNING {key}"
_COUNTED = ", version = version + 1, updated_at = now()"
# What both sides agreed on names our record by its id.
_BASES = """
UPDATE integrations_recordlink SET base = base || jsonb_build_object(%s, %s::text)
WHERE target = %s AND record_id = ANY(%s) AND base ->> %s = %s RETURNING id
"""
_CHANGE_SET = "SELECT id FROM integrations_changeset WHERE xid = pg_current_xact_id()::text::bigint AND origin = %s"


class NotMergeable(Exception):
    """The two cannot be made one; says why, for a person."""


@dataclass(frozen=True, kw_only=True)
class Preview:
    """`lines` are the fields side by side (kept, merged) with what is proposed for each that differs; `moves` what would move:
    (label, how many); `links` of both by record, `twice` the resources that would be linked twice."""

    target: Target
    names: tuple[str, str]
    lines: list[tuple[sidebyside.Line, str, tuple[str, ...]]]
    moves: list[tuple[str, int]]
    links: list[tuple[RecordLink, bool]]
    twice: list[str]


def preview(target: Target, kept: UUID, merged: UUID) -> Preview:
    """What merging would do. Raises NotMergeable. A fixed number of statements."""
    _mergeable(target, kept, merged)
    found = sidebyside.records(target, [kept, merged])
    if len(found) < 2:
        raise NotMergeable("One of the two records is no longer there.")
    ours, theirs = found[kept], found[merged]
    its_links = RecordLink.objects.filter(target=target.name, record_id__in=[kept, merged]).select_related("connection")
    links = [(link, link.record_id == kept) for link in its_links.defer("base", "refs").order_by("pk")]
    parts = {child.field for child in target.children}
    return Preview(
        target=target,
        names=(sidebyside.name_of(target, ours), sidebyside.name_of(target, theirs)),
        lines=[
            (line, proposed(target, line.field, ours, theirs), choices_of(line.field, ours, theirs))
            for line in sidebyside.lines(target, [ours, theirs])
            if line.field not in parts
        ],
        moves=_moves(target, merged),
        links=links,
        twice=_twice(links),
    )


def choices_of(name: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[str, ...]:
    """What a person may choose for a field; nothing where the two say the same."""
    one, other = ours.get(name), theirs.get(name)
    if one == other or not sidebyside.said(other):
        return ()
    lists = isinstance(one, list) and isinstance(other, list)
    return (KEPT, MERGED, BOTH) if lists and one else (KEPT, MERGED)


def proposed(target: Target, name: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    choices = choices_of(name, ours, theirs)
    if BOTH in choices:
        return BOTH
    unsaid = not sidebyside.said(ours.get(name)) or ours.get(name) == target.canonical.model_fields[name].default
    return MERGED if choices and unsaid else KEPT


def merge(target: Target, kept: UUID, merged: UUID, chosen: Mapping[str, str], *, user: Any = None) -> Merge:
    """Make the two one, `kept`. `chosen`: field -> "kept", "merged" or, for a list, "both"; what is not named is proposed.

    Raises NotMergeable, and has then changed nothing. The number of statements depends on how many tables refer to the target.
    """
    _mergeable(target, kept, merged)
    made = Merge(target=target.name, kept_id=kept, merged_id=merged, merged_by=user)
    try:
        with origins.by(f"merge:{made.pk}"):
            _merge(made, target, chosen)
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    except IntegrityError as error:
        raise NotMergeable("Something refers to the record that a merge does not know how to move.") from error
    return made


def _merge(made: Merge, target: Target, chosen: Mapping[str, str]) -> None:
    kept, merged = made.kept_id, made.merged_id
    store = table(target.model)
    with connection.cursor() as cursor:
        rows = store.locked(cursor, [kept, merged])
        if len(rows) < 2:
            raise NotMergeable("One of the two records is no longer there.")
        ours, theirs = (canonical_of(target, rows[one], {}) for one in (kept, merged))
        made.label = sidebyside.name_of(target, theirs)[:500]
        made.chosen = _chosen(target, ours, theirs, chosen)
        changes = _changes(target, ours, theirs, made.chosen)
        for child in target.children:
            _move_parts(child, kept, merged)
        made.bases = _move_references(cursor, target, kept, merged)
        made.links = _move_links(target, kept, merged)
        # A number that must be unique may only be taken over when the other record is gone.
        target.model._base_manager.filter(pk=merged)._raw_delete("default")
        if changes:
            changes |= {"version": rows[kept]["version"] + 1, "updated_at": timezone.now()}
            store.upsert(cursor, [{**rows[kept], **changes}])
        cursor.execute(_CHANGE_SET, [f"merge:{made.pk}"])
        (made.changeset,) = cursor.fetchone()
    made.save(force_insert=True)


def _mergeable(target: Target, kept: UUID, merged: UUID) -> None:
    if not target.mergeable:
        raise NotMergeable(f"Records of the kind '{target.label}' are not merged: each is a document of its own.")
    if kept == merged:
        raise NotMergeable("These are the same record.")


def _chosen(
    target: Target, ours: Mapping[str, Any], theirs: Mapping[str, Any], chosen: Mapping[str, str]
) -> dict[str, str]:
    parts = {child.field for child in target.children}
    settled = {}
    for name in target.canonical.model_fields:
        choices = choices_of(name, ours, theirs)
        if not choices or name in parts:
            continue
        settled[name] = chosen.get(name) or proposed(target, name, ours, theirs)
        if settled[name] not in choices:
            raise NotMergeable(f"For {label(name)} one can choose {', '.join(choices)}.")
    if unknown := sorted(set(chosen) - set(target.canonical.model_fields)):
        raise NotMergeable(f"There is no field {', '.join(unknown)}.")
    return settled


def _changes(
    target: Target, ours: Mapping[str, Any], theirs: Mapping[str, Any], chosen: Mapping[str, str]
) -> dict[str, Any]:
    """Columns of the kept record that get another value."""
    wanted = dict(ours)
    for name, choice in chosen.items():
        if choice == MERGED:
            wanted[name] = theirs[name]
        elif choice == BOTH:
            wanted[name] = [*ours[name], *(one for one in theirs[name] if one not in ours[name])]
    before, after = _row(target, ours), _row(target, wanted)
    return {column: value for column, value in after.items() if value != before[column]}


def _row(target: Target, canonical: dict[str, Any] | Mapping[str, Any]) -> dict[str, Any]:
    record: BaseModel | None
    record, reasons = validated(target, dict(canonical))
    if record is None:
        raise NotMergeable(f"The record that would be kept is not valid. {'; '.join(map(str, reasons))}")
    return row_of(target, record)[0]


def _move_parts(child: Children, kept: UUID, merged: UUID) -> None:
    """The merged record's parts become the kept one's. Of two with one key the weightier stays."""
    rows = list(child.model._base_manager.filter(**{f"{child.parent}__in": [kept, merged]}).order_by("pk").values())
    superseded: set[Any] = set()
    if child.key:
        standing: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in sorted(rows, key=lambda row: row[child.parent] != kept):
            key = tuple(row[column] for column in child.key)
            other = standing.setdefault(key, row)
            if other is row or other[child.parent] == row[child.parent]:
                continue
            wins = child.outweighs is not None and child.outweighs(row, other)
            superseded.add(other["id"] if wins else row["id"])
            standing[key] = row if wins else other
    if superseded:
        child.model._base_manager.filter(pk__in=superseded)._raw_delete("default")
    child.model._base_manager.filter(**{child.parent: merged}).update(**{child.parent: kept})


def _move_references(cursor: Any, target: Target, kept: UUID, merged: UUID) -> list[dict[str, Any]]:
    """Returns the links whose base was rewritten: [{"field", "links"}]."""
    bases = []
    for one in references(target):
        store = table(one.model)
        statement = sql.SQL(_MOVE).format(
            table=store.name,
            column=store.column(one.column),
            key=sql.Identifier(store.key),
            counted=sql.SQL("" if one.part else _COUNTED),
        )
        cursor.execute(statement, [kept, merged])
        moved = [key for (key,) in cursor.fetchall()]
        if moved and one.field:
            cursor.execute(_BASES, [one.field, str(kept), one.owner.name, moved, one.field, str(merged)])
            rewritten = [str(link) for (link,) in cursor.fetchall()]
            bases += [{"field": one.field, "links": rewritten}] if rewritten else []
    return bases


def _move_links(target: Target, kept: UUID, merged: UUID) -> list[dict[str, Any]]:
    links = RecordLink.objects.select_for_update().filter(target=target.name, record_id=merged)
    moved = [
        {"id": str(pk), "base": base, "content_hash": digest}
        for pk, base, digest in links.order_by("pk").values_list("pk", "base", "content_hash")
    ]
    ids = [one["id"] for one in moved]
    RecordLink.objects.filter(pk__in=ids).update(record_id=kept)
    Conflict.objects.filter(link__in=ids).update(record_id=kept)
    return moved


def _moves(target: Target, merged: UUID) -> list[tuple[str, int]]:
    found = []
    for child in target.children:
        count = child.model._base_manager.filter(**{child.parent: merged}).count()
        found.append((label(child.field), count))
    found += [(one.label, one.model._base_manager.filter(**{one.column: merged}).count()) for one in references(target)]
    return [(label, count) for label, count in found if count]


def _twice(links: Sequence[tuple[RecordLink, bool]]) -> list[str]:
    sides = [
        {(one.connection.name, one.resource) for one, of_kept in links if of_kept is side} for side in (True, False)
    ]
    return [f"{name}: {resource}" for name, resource in sorted(sides[0] & sides[1])]


def target_of(name: str) -> Target:
    """Raises NotMergeable for a kind that is none, or is not merged."""
    try:
        target = targets.get(name)
    except targets.UnknownTarget as unknown:
        raise NotMergeable(str(unknown)) from None
    if not target.mergeable:
        raise NotMergeable(f"Records of the kind '{target.label}' are not merged: each is a document of its own.")
    return target
