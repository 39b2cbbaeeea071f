"""What theirs does to ours: new rows, and changed rows field by field.

Three sides: *theirs* (what the vendor says now), the *base* (what both sides last agreed on, kept on the link) and *ours*. A
column is written only where theirs differs from the base: what somebody changed here stays until the vendor changes the same
thing. What the vendor says nothing about (None) is never blanked.

A field's rule is honoured where it is not plainly theirs. `owner`: with "ours" a field that was changed here keeps our value;
"newest" and "ask" are taken as "theirs" for now, since neither is a time per field kept nor a conflict shown yet.
`write`: "if_empty" writes only where ours is empty, "never" only when a record is made, "append" adds to a list what it lacks
and to a text as a new line.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel

from integrations.mapping.compile import Reason, Rule
from integrations.targets import Target

from .batch import Effect, Route, new_id
from .intake import Incoming, row_of, validated
from .rebuild import Kin, Row, canonical_of

EMPTY: tuple[Any, ...] = (None, "", [], {})


def created(route: Route, incoming: Incoming) -> tuple[Effect | None, list[Reason]]:
    """A record that is new here, or why it cannot be one."""
    record, reasons = validated(route.target, incoming.said())
    if record is None:
        return None, reasons
    row, reasons = row_of(route.target, record)
    if reasons:
        return None, reasons
    effect = Effect(incoming=incoming, record_id=new_id(), link_id=new_id(), base=base_of(record))
    _make(route.target, effect, row, record)
    return effect, []


def changed(
    route: Route, effect: Effect, *, agreed: str | None, current: Row | None, kin: Kin, now: datetime
) -> list[Reason]:
    """Fill in what a changed record does to our row `current` (None: somebody deleted it here, so it is made again).

    `agreed` is the link's base; None for a record just matched, which starts from what we have. Returns the reasons why it
    cannot be applied.
    """
    target, rules, said = route.target, route.mapping.rules, effect.incoming.said()
    base = orjson.loads(agreed) if agreed else {}
    reference, _ = validated(target, base) if base else (None, [])
    ours: BaseModel | None = None
    if current is not None and (reference is None or rules):
        found = canonical_of(target, current, kin)
        ours, reasons = validated(target, found)
        if reference is None and ours is None:
            return [Reason(r.field, f"our own record is not valid: {r.message}") for r in reasons]
        if reference is None:
            base = _without_kin_of_others(target, found)
            reference, _ = validated(target, base)
            said = {name: value for name, value in said.items() if value is not None}
    theirs, reasons = validated(target, {**base, **said} if reference else said)
    if theirs is None:
        return reasons
    effect.base = base_of(theirs)
    wanted = theirs
    if reference is not None and ours is not None and rules:
        wanted, reference = _ruled(rules, theirs, reference, ours, matched=agreed is None)
    row, reasons = row_of(target, wanted)
    if reasons:
        return reasons
    if current is None or reference is None:
        _make(target, effect, row, wanted)
    else:
        _change(target, effect, row, wanted, current=current, reference=reference)
        if effect.row:
            effect.row["updated_at"] = now
    return []


def _without_kin_of_others(target: Target, found: dict[str, Any]) -> dict[str, Any]:
    """What siblings with a key say was said by other systems: this one has spoken of none yet."""
    others = {child.field for child in target.children if child.key}
    return {name: value for name, value in found.items() if name not in others}


def base_of(record: BaseModel) -> bytes:
    return record.model_dump_json(exclude_none=True).encode()


def _make(target: Target, effect: Effect, row: dict[str, Any], record: BaseModel) -> None:
    effect.fresh = True
    row["id"] = effect.record_id
    effect.row = row
    effect.children = [(child, [], rows) for child in target.children if (rows := child.rows(record))]


def _change(target: Target, effect: Effect, row: Row, wanted: BaseModel, *, current: Row, reference: BaseModel) -> None:
    before, _ = row_of(target, reference)
    changes = {column: value for column, value in row.items() if value != before[column] and value != current[column]}
    effect.children = [
        (child, old, new) for child in target.children if (new := child.rows(wanted)) != (old := child.rows(reference))
    ]
    if changes or effect.children:
        effect.row = {**current, **changes, "version": current["version"] + 1}


def _ruled(
    rules: Mapping[str, Rule], theirs: BaseModel, base: BaseModel, ours: BaseModel, *, matched: bool
) -> tuple[BaseModel, BaseModel]:
    """What is wanted, and what to compare it with: for a field with a rule that is ours, because its outcome depends on it."""
    wanted: dict[str, Any] = {}
    compared: dict[str, Any] = {}
    for name, rule in rules.items():
        if name not in type(ours).model_fields:
            continue
        mine, said, before = (getattr(record, name) for record in (ours, theirs, base))
        wanted[name] = _outcome(rule, mine, said, None if matched else before)
        compared[name] = mine
    return theirs.model_copy(update=wanted), base.model_copy(update=compared)


def _outcome(rule: Rule, ours: Any, theirs: Any, base: Any) -> Any:
    if rule.write == "never" or (rule.write == "if_empty" and ours not in EMPTY):
        return ours
    if rule.write == "append":
        return _appended(ours, theirs)
    if rule.owner == "ours" and ours != base and ours not in EMPTY:
        return ours
    return theirs


def _appended(ours: Any, theirs: Any) -> Any:
    if isinstance(ours, list) and isinstance(theirs, list):
        return ours + [one for one in theirs if one not in ours]
    if isinstance(ours, str) and isinstance(theirs, str) and ours:
        return ours if theirs in ours else f"{ours}\n{theirs}"
    return ours if theirs in EMPTY else theirs


def effect_on(incoming: Incoming, record_id: UUID, **known: Any) -> Effect:
    """An effect on a record that is there; its row and base are filled in by `changed`."""
    return Effect(incoming=incoming, record_id=record_id, base=b"{}", **known)
