"""Which types of event there are: every app registers its own in `ready()`, as it does its targets.

A type is of a version; a changed meaning of its data is a new `VERSION` of all shapes, and an endpoint is sent only what it was
made for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

VERSION = 1
_PATTERN = re.compile(r"\*|[a-z_]+(\.[a-z_]+)*(\.\*)?")


@dataclass(frozen=True, kw_only=True)
class Told:
    """What one transaction did to one record. `before` and `after` hold the columns of the record's own row that it changed;
    `record` is the record as it is now, canonical, and `since` what its columns were where a later transaction changed them;
    `merged` is the record that became one with it."""

    id: UUID
    target: str
    made: bool
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    record: Mapping[str, Any]
    since: Mapping[str, Any]
    merged: UUID | None = None


# The data a change adds to what every event of a record says; None where the change is not this event.
Meaning = Callable[[Told], dict[str, Any] | None]


@dataclass(frozen=True, kw_only=True)
class EventType:
    """`schema` is the JSON Schema of the event's `data`. Those of a `target` are made from the change feed, where `meaning`
    says so; the others are emitted by the code that changes the state.."""

    name: str
    description: str
    schema: Mapping[str, Any]
    target: str = ""
    meaning: Meaning | None = None
    version: int = VERSION

    @property
    def group(self) -> str:
        return self.name.partition(".")[0]


_types: dict[str, EventType] = {}


def register(*types: EventType) -> None:
    for one in types:
        known = _types.get(one.name)
        if known is not None and known != one:
            raise RuntimeError(f"The type of event '{one.name}' is registered twice.")
        _types[one.name] = one


def all_types() -> dict[str, EventType]:
    """By name, in the order of the names."""
    return dict(sorted(_types.items()))


def get(name: str) -> EventType:
    return _types[name]


def matches(name: str, patterns: Iterable[str]) -> bool:
    """`member.*` stands for everything that begins with `member.`, `*` for all."""
    return any(
        pattern in ("*", name) or (pattern.endswith(".*") and name.startswith(pattern[:-1])) for pattern in patterns
    )


def wrong_pattern(pattern: str) -> str:
    """Why a pattern cannot be used, in a sentence; "" for one that means some type there is."""
    if not _PATTERN.fullmatch(pattern):
        return f"“{pattern[:100]}” is no type of event. Write member.updated, member.* or *."
    if not any(matches(name, [pattern]) for name in _types):
        return f"There is no event “{pattern[:100]}”. The types are listed at /api/v1/event-types."
    return ""


def wanted(patterns: Iterable[str]) -> list[EventType]:
    asked = list(patterns)
    return [one for one in _types.values() if matches(one.name, asked)]


# --- what a change means ----------------------------------------------------------------------------------------------


def made(told: Told) -> dict[str, Any] | None:
    return {} if told.made else None


def changed(told: Told) -> dict[str, Any] | None:
    return None if told.made or told.merged else {}


def merged(told: Told) -> dict[str, Any] | None:
    return {"merged": str(told.merged)} if told.merged else None


def differs(column: str) -> Meaning:
    """The column went from one value to another."""

    def meaning(told: Told) -> dict[str, Any] | None:
        if told.made or column not in told.after:
            return None
        return {"from": told.before.get(column), "to": told.after[column]}

    return meaning


def becomes(column: str, value: Any) -> Meaning:
    """The column has got this value, or the record was made with it."""

    def meaning(told: Told) -> dict[str, Any] | None:
        found = told.since.get(column, told.record.get(column)) if told.made else told.after.get(column)
        return {} if found == value else None

    return meaning
