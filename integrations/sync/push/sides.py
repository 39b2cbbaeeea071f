"""Ours and what both sides last agreed on, side by side: what is to be sent, and how the vendor spells it.

Both go the same way round through our tables, so that what a column cannot tell apart (an empty text, nothing at all) is no
difference. A field counts only where the vendor would be sent something else than before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, get_args
from uuid import UUID

from django.db.backends.utils import CursorWrapper
from pydantic_core import to_jsonable_python

from integrations.mapping.compile import UNREADABLE, CompiledMapping, Reason
from integrations.provider import Write, dig
from integrations.sync.batch import Route
from integrations.sync.copy import table
from integrations.sync.intake import row_of, validated
from integrations.sync.rebuild import canonical_of
from integrations.sync.threeway import EMPTY, appended
from integrations.targets import Children, Target

Data = dict[str, Any]


class Mine(NamedTuple):
    """A record of ours: its row and its children's rows by canonical field."""

    row: Mapping[str, Any]
    kin: Mapping[str, Sequence[Mapping[str, Any]]]


class Unsendable(Exception):
    """The record cannot be sent as it is; the sentence says why."""


def ours(cursor: CursorWrapper, target: Target, ids: Collection[UUID]) -> dict[UUID, Mine]:
    """Our records by id, in one query per table."""
    wanted = list(ids)
    rows = table(target.model).found(cursor, wanted)
    kin = {child.field: table(child.model).of_parents(cursor, child.parent, wanted) for child in target.children}
    return {one: Mine(row, {name: found.get(one, []) for name, found in kin.items()}) for one, row in rows.items()}


def spoken(target: Target, mine: Mine, base: Mapping[str, Any] | None) -> Data:
    """Ours in canonical words. Of children with a key only those that this system ever spoke of: the others are other
    systems'. Raises Unsendable where our own record is not valid."""
    kin = dict(mine.kin)
    reference = validated(target, dict(base))[0] if base is not None else None
    for child in target.children:
        if child.key and base is not None:
            theirs = {_sibling(child, row) for row in child.rows(reference)} if reference else set()
            kin[child.field] = [row for row in kin.get(child.field, ()) if _sibling(child, row) in theirs]
    said = canonical_of(target, mine.row, kin)
    record, reasons = validated(target, said)
    if record is None:
        raise Unsendable(f"Our own record is not valid. {sentences(reasons)}")
    return dict(to_jsonable_python(said))


def agreed(target: Target, base: Mapping[str, Any]) -> Data:
    """The base as it would come back out of our tables."""
    record, _ = validated(target, dict(base))
    if record is None:
        return dict(base)
    row, _ = row_of(target, record)
    kin = {child.field: child.rows(record) for child in target.children}
    return dict(to_jsonable_python(canonical_of(target, row, kin)))


def changes(route: Route, mine: Mapping[str, Any], base: Mapping[str, Any], *, but_not: Collection[str] = ()) -> Data:
    """Canonical field -> our value, of those that are to be sent; None where it was cleared here. The mapping may say that a
    field is only filled there, or only added to."""
    found: Data = {}
    for name in sorted(route.mapping.out.fields - set(but_not)):
        before = base.get(name)
        value = _ruled(route.mapping.out.rules.get(name, "always"), mine.get(name), before)
        if value == before or (value is None and not _can_be_cleared(route, name)):
            continue
        if _spelt(route, name, value) != _spelt(route, name, before):
            found[name] = value
    return found


def body_of(route: Route, data: Mapping[str, Any], fields: Collection[str]) -> Data:
    """The vendor's record of these fields of a canonical record, whose references are keys already; a formula may read others
    of its fields too. Raises Unsendable."""
    write = writing(route)
    body, reasons = route.mapping.out.changed(_with_blanks(data, write), fields)
    if reasons:
        said = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        raise Unsendable(f"It cannot be put in the vendor's words ({said}).")
    for path, values in write.never.items():
        if dig(body, path) in values:
            raise Unsendable(f"“{dig(body, path)}” is not sent by a sync, because it cannot be undone. Do it there.")
    return body


def writing(route: Route) -> Write:
    if route.resource.write is None:
        raise Unsendable("The vendor takes nothing of this kind.")
    return route.resource.write


def sentences(reasons: Sequence[Reason]) -> str:
    return "; ".join(f"{reason.field}: {reason.message}".removeprefix(": ") for reason in reasons)


def _sibling(child: Children, row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[column] for column in child.key)


def _spelt(route: Route, name: str, value: Any) -> Any:
    try:
        return _outward(route.mapping, {name: value}, writing(route))
    except Unsendable:
        return value  # it differs, and whoever sends it will hear why it cannot be


def _outward(mapping: CompiledMapping, data: Mapping[str, Any], write: Write) -> Data:
    try:
        return mapping.outward(_with_blanks(data, write))
    except UNREADABLE as error:
        raise Unsendable(f"It cannot be put in the vendor's words ({error}).") from error


def _with_blanks(data: Mapping[str, Any], write: Write) -> Data:
    return {name: write.empty if value is None else value for name, value in data.items()}


def _ruled(rule: str, value: Any, theirs: Any) -> Any:
    """What a field may become there by its write mode on the way out."""
    if rule == "if_empty":
        return value if theirs in EMPTY else theirs
    return appended(theirs, value) if rule == "append" else value


def _can_be_cleared(route: Route, name: str) -> bool:
    """Only a text, and only where the vendor knows an empty one."""
    declared = route.target.canonical.model_fields.get(name)
    if writing(route).empty is None or declared is None or declared.is_required() or name in route.target.refs:
        return False
    return str in _types(declared.annotation)


def _types(annotation: Any) -> set[Any]:
    """The plain types in `Annotated[str, ...] | None`. A word of a list (Literal) is no text that could be empty."""
    inner = [part for part in get_args(annotation) if isinstance(part, type) or get_args(part)]
    return set().union(*map(_types, inner)) if get_args(annotation) else {annotation}
