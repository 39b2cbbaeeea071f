"""Records beside each other, field by field, in words a person reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection as database

from integrations.sync.copy import table
from integrations.sync.rebuild import canonical_of
from integrations.targets import Target

from .likeness import fold

Canonical = Mapping[str, Any]


class Line(NamedTuple):
    """One field. `values` in the order of the records; `differs`: two of them say something, and not the same."""

    field: str
    label: str
    values: list[str]
    differs: bool


def records(target: Target, ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """Ours in canonical form by id, with their children: one statement per table."""
    ids = list(ids)
    if not ids:
        return {}
    with database.cursor() as cursor:
        rows = table(target.model).found(cursor, ids)
        kin = {child.field: table(child.model).of_parents(cursor, child.parent, ids) for child in target.children}
    its = {one: {name: found.get(one, []) for name, found in kin.items()} for one in rows}
    return {one: canonical_of(target, row, its[one]) for one, row in rows.items()}


def lines(target: Target, beside: Sequence[Canonical]) -> list[Line]:
    """The fields that any of them says something in."""
    found = []
    for name in target.canonical.model_fields:
        values = [said(record.get(name)) for record in beside]
        if any(values):
            different = len({fold(value) for value in values if value}) > 1
            found.append(Line(name, label(name), values, different))
    return found


def name_of(target: Target, record: Canonical) -> str:
    """What a person calls it."""
    for name in ("display_name", "name", "number", "member_number"):
        if record.get(name):
            return str(record[name])
    return target.label


def label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def said(value: Any) -> str:
    """A canonical value as text: `7 Rose Lane, 2010`; empty for nothing."""
    if value is None or value in ("", [], {}):
        return ""
    if isinstance(value, Mapping):
        return ", ".join(text for name, one in value.items() if name != "label" and (text := said(one)))
    if isinstance(value, list | tuple):
        return ", ".join(text for one in value if (text := said(one)))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
