"""A table of values, theirs and ours: read forwards on the way in, backwards on the way out."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from integrations.provider import Converter
from integrations.provider.money import shown

Scalar = str | int | bool
Rows = Sequence[tuple[Scalar, Scalar]]
MOST_ROWS = 200
LONGEST_VALUE = 200


def lookup(rows: Rows, about: str, otherwise: Scalar | None = None) -> Converter:
    """The table as a converter. `about` names it in sentences ("contacts.status"). A value that stands in no row is an error
    that names value and table, unless there is an `otherwise`; nothing stays nothing."""
    forwards = {key(theirs): ours for theirs, ours in rows}
    backwards: dict[str, list[Scalar]] = {}
    for theirs, ours in rows:
        backwards.setdefault(key(ours), []).append(theirs)

    def inward(value: Any) -> Scalar | None:
        said = key(value)
        if not said:
            return None
        found = forwards.get(said, otherwise)
        if found is None:
            raise ValueError(f"{shown(value)} stands in no row of the table of {about}: add a row for it there")
        return found

    def outward(value: Any) -> Scalar:
        found = backwards.get(key(value), [])
        if not found:
            raise ValueError(f"{shown(value)} is nobody's in the table of {about}: add a row that leads to it")
        if len(found) > 1:
            theirs = " or ".join(shown(one) for one in found)
            raise ValueError(
                f"{shown(value)} could be {theirs} there: the table of {about} leads to it from several rows"
            )
        return found[0]

    return Converter(inward, outward)


def key(value: Any) -> str:
    """How two values are compared: as text, so that a table typed by a person finds numbers and true or false too."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, (int, Decimal)):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    raise ValueError(f"expected one value, got {'a list' if isinstance(value, list) else 'an object'}")


def mistake(rows: Any, otherwise: Any) -> str:
    """Why this is no table, or an empty text."""
    if not isinstance(rows, (list, tuple)) or not all(_is_row(row) for row in rows):
        return "The table is made of rows: a value of theirs, and the value of ours it becomes."
    if not rows:
        return "The table has no row."
    if len(rows) > MOST_ROWS:
        return f"The table has {len(rows)} rows; {MOST_ROWS} are allowed."
    if otherwise is not None and not _is_value(otherwise):
        return "What stands for all other values is one value."
    names = [key(theirs) for theirs, _ in rows]
    twice = next((name for name in names if names.count(name) > 1), "")
    return f"“{twice}” stands in two rows." if twice else ""


def ambiguous(rows: Rows) -> dict[str, list[str]]:
    """Ours that several of theirs become, with those: there is no one way back."""
    back: dict[str, list[str]] = {}
    for theirs, ours in rows:
        back.setdefault(key(ours), []).append(key(theirs))
    return {ours: theirs for ours, theirs in back.items() if len(theirs) > 1}


def _is_row(row: Any) -> bool:
    return isinstance(row, (list, tuple)) and len(row) == 2 and all(map(_is_value, row))


def _is_value(value: Any) -> bool:
    return isinstance(value, (str, int, bool)) and 0 < len(key(value)) <= LONGEST_VALUE and key(value).isprintable()
