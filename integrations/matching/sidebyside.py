"""Records beside each other, field by field, in words a person reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from integrations import shown
from integrations.sync.rebuild import canonical_of, stored
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
    return {one: canonical_of(target, *found) for one, found in stored(target, ids).items()}


def lines(target: Target, beside: Sequence[Canonical]) -> list[Line]:
    """The fields that any of them says something in."""
    found = []
    for name in target.canonical.model_fields:
        values = [said(record.get(name)) for record in beside]
        if any(values):
            different = len({fold(value) for value in values if value}) > 1
            found.append(Line(name, shown.label(name), values, different))
    return found


def name_of(target: Target, record: Canonical) -> str:
    """What a person calls it."""
    for name in ("display_name", "name", "number", "member_number"):
        if record.get(name):
            return str(record[name])
    return target.label


def said(value: Any) -> str:
    """A canonical value as text. Whether an address is somebody's home or work says nothing about who it is."""
    return shown.said(
        {name: one for name, one in value.items() if name != "label"} if isinstance(value, Mapping) else value
    )
