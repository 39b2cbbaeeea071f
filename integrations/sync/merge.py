"""What theirs does to ours: new rows, and changed rows field by field.

Three sides: *theirs* (what the vendor says now), the *base* (what both sides last agreed on, kept on the link) and *ours*. What
only they changed is taken, what only we changed stays, and where both changed the same field differently its owner decides:
`theirs`, `ours`, `newest`, or with `ask` a person (`conflicts`). What the vendor says nothing about (None, or a blank text) is
never blanked.

Afterwards the base of every field is their value, so that `ours != base` is what is yet to be sent; only where a conflict is
open it stays what it was. A keyed list (consents) is merged key by key, any other as a whole.

A write mode goes before the owner: "if_empty" writes only where ours is empty, "never" only when a record is made, "append"
adds to a list what it lacks and to a text as a new line.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel

from integrations.mapping.compile import Reason
from integrations.mapping.paths import getter
from integrations.targets import Children, Target

from .batch import Conflicting, Effect, Route, new_id
from .cursors import instant
from .intake import Incoming, row_of, validated
from .rebuild import Kin, Row, canonical_of, columns_of
from .sides import Contested, Rows, Sides, by_key, child_of, items_by_key
from .threeway import Verdict, Winner, appended, winner

# When somebody here last changed a field.
OursAt = Callable[[str], datetime | None]


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


def effect_on(incoming: Incoming, record_id: UUID, **known: Any) -> Effect:
    """An effect on a record that is there; its row and base are filled in by `settle`."""
    return Effect(incoming=incoming, record_id=record_id, base=b"{}", **known)


def compare(
    route: Route,
    effect: Effect,
    *,
    agreed: str | None,
    current: Row | None,
    kin: Kin,
    without_base: Collection[tuple[str, str]] = (),
) -> tuple[Sides | None, list[Reason]]:
    """The sides of a changed record, or why it cannot be applied. `current` is our row (None: somebody deleted it here).

    `agreed` is the link's base; None for a record just matched, which starts from what we have. `without_base`: its open
    conflicts (field, part) between two who never agreed.
    """
    target, said = route.target, effect.incoming.said()
    for name in [name for name, value in said.items() if type(value) is str and (not value or value.isspace())]:
        if current is not None:  # a blank that no converter has taken for nothing
            del said[name]
    base = orjson.loads(agreed) if agreed else {}
    reference, _ = validated(target, base) if base else (None, [])
    known = reference is not None
    if reference is None and current is not None:
        found = canonical_of(target, current, kin)
        ours, reasons = validated(target, found)
        if ours is None:
            return None, [Reason(r.field, f"our own record is not valid: {r.message}") for r in reasons]
        base = _without_kin_of_others(target, found)
        reference, _ = validated(target, base)
        said = {name: value for name, value in said.items() if value is not None}
    theirs, reasons = validated(target, {**base, **said} if reference else said)
    if theirs is None:
        return None, reasons
    row, refused = row_of(target, theirs)
    sides = Sides(
        effect=effect,
        target=target,
        theirs=theirs,
        row=row,
        reference=reference,
        current=current,
        kin=kin,
        base=base,
        known=known,
    )
    effect.base = base_of(theirs)
    if current is not None and reference is not None:
        sides.before, _ = row_of(target, reference)
        sides.compare(route.mapping.rules, without_base)
    if refused and sides.verdicts:  # what is not taken need not fit
        columns = columns_of(target.name)
        kept = {columns.get(str(name), name) for name, one in sides.verdicts.items() if one is Verdict.KEEP}
        refused = [reason for reason in refused if reason.field.partition(".")[0] not in kept]
    return (None, refused) if refused else (sides, [])


def settle(route: Route, sides: Sides, now: datetime, ours_at: OursAt) -> tuple[list[Reason], int]:
    """Fill in what the record does to our row. Returns the reasons why it cannot be applied, and how many fields were taken
    because nobody knows who was later."""
    effect, target = sides.effect, sides.target
    if sides.current is None or sides.reference is None:
        _make(target, effect, sides.row, sides.theirs)
        return [], 0
    undated = _decided(route, sides, now, ours_at)
    if Verdict.APPEND in sides.verdicts.values() and (reasons := _append(sides)):
        return reasons, 0
    _change(sides)
    if effect.row:
        effect.row["updated_at"] = now
    return [], undated


def base_of(record: BaseModel) -> bytes:
    return record.model_dump_json(exclude_none=True).encode()


def _without_kin_of_others(target: Target, found: dict[str, Any]) -> dict[str, Any]:
    """What siblings with a key say was said by other systems: this one has spoken of none yet."""
    others = {child.field for child in target.children if child.key}
    return {name: value for name, value in found.items() if name not in others}


def _make(target: Target, effect: Effect, row: dict[str, Any], record: BaseModel) -> None:
    effect.fresh = True
    row["id"] = effect.record_id
    effect.row = row
    effect.children = [(child, [], rows) for child in target.children if (rows := child.rows(record))]


# --- both sides changed it --------------------------------------------------------------------------------------------


def _decided(route: Route, sides: Sides, now: datetime, ours_at: OursAt) -> int:
    """Turn what is contested into a verdict each; conflicts and overruled values are put on the effect."""
    effect, undated = sides.effect, 0
    open_ones: list[Contested] = []
    for one in sides.contested:
        column = columns_of(sides.target.name).get(one.field)
        when = ours_at(one.field) if one.owner == "newest" else None
        won = winner(one.owner, ours=one.ours, ours_at=when, theirs_at=theirs_at(route, effect.incoming, now))
        undated += won is Winner.THEIRS_UNDATED
        taken = won in (Winner.THEIRS, Winner.THEIRS_UNDATED)
        sides.verdicts[one.field if one.key is None else (one.field, one.key)] = Verdict.TAKE if taken else Verdict.KEEP
        if won is Winner.OURS:
            _overrule(sides, one, column)
        elif won is Winner.NOBODY:
            open_ones.append(one)
    if open_ones:
        _keep_open(sides, open_ones, theirs_at(route, effect.incoming, now))
    return undated


def theirs_at(route: Route, incoming: Incoming, now: datetime) -> datetime:
    """When they changed the record, as it says itself; where it does not (or only when it was made), as late as it was read."""
    cursor = route.resource.cursor
    if cursor is None or cursor.creation:
        return now
    return instant(cursor, getter(cursor.field)(incoming.raw)) or now


def _overrule(sides: Sides, one: Contested, column: str | None) -> None:
    """Their value is lost, and nothing changes here that would tell: the feed is told what both were."""
    theirs, ours = sides.effect.overruled or ({}, {})
    assert sides.current is not None
    if column is not None:
        theirs[column], ours[column] = sides.row[column], sides.current[column]
    elif one.key is None:
        theirs[one.field], ours[one.field] = sides.as_theirs(one), sides.as_ours(one)
    else:
        theirs.setdefault(one.field, []).append(sides.as_theirs(one))
        ours.setdefault(one.field, []).append(sides.as_ours(one))
    sides.effect.overruled = theirs, ours


def _keep_open(sides: Sides, contested: list[Contested], when: datetime) -> None:
    """Conflicts, whose fields keep their base. Where there is none, or together with theirs it would be no valid record, theirs
    takes its place, and the conflict says so."""
    base = _old_base(sides, contested) if sides.known else None
    for one in contested:
        sides.effect.conflicts.append(
            Conflicting(
                field=one.field,
                part=one.part,
                base=None if base is None else sides.as_base(one),
                ours=sides.as_ours(one),
                theirs=sides.as_theirs(one),
                theirs_at=when,
                agreed=base is not None,
            )
        )
    if base is not None:
        sides.effect.base = base


def _old_base(sides: Sides, contested: list[Contested]) -> bytes | None:
    data = orjson.loads(sides.effect.base)
    for one in contested:
        old = sides.as_base(one)
        if one.key is not None:
            items = items_by_key(child_of(sides.target, one.field), data.get(one.field))
            items[one.key] = old
            old = [item for item in items.values() if item is not None]
        data[one.field] = old
    record, _ = validated(sides.target, {name: value for name, value in data.items() if value is not None})
    return None if record is None else base_of(record)


# --- written ----------------------------------------------------------------------------------------------------------


def _append(sides: Sides) -> list[Reason]:
    """Put what is added to ours in the place of theirs. Returns why the table has no room for it."""
    assert sides.current is not None
    added: dict[str, Any] = {}
    for name, found in sides.verdicts.items():
        if found is not Verdict.APPEND:
            continue
        if isinstance(name, tuple):  # a sibling that is there already is not added
            child = child_of(sides.target, name[0])
            ours = by_key(child, sides.rows_of(child)[2])
            sides.verdicts[name] = Verdict.KEEP if name[1] in ours else Verdict.TAKE
        else:
            mine = canonical_of(sides.target, sides.current, sides.kin).get(name)
            added[name] = appended(mine, sides.theirs.model_dump(exclude_none=True).get(name))
            sides.verdicts[name] = Verdict.TAKE
    if not added:
        return []
    record, reasons = validated(sides.target, sides.theirs.model_dump(exclude_none=True) | added)
    if record is None:
        return reasons
    sides.theirs = record
    sides.row, reasons = row_of(sides.target, record)
    return reasons


def _change(sides: Sides) -> None:
    effect, current, verdicts = sides.effect, sides.current, sides.verdicts
    assert current is not None
    before = sides.before
    changes = {
        column: value for column, value in sides.row.items() if value != before[column] and value != current[column]
    }
    if verdicts:
        columns = columns_of(sides.target.name)
        named = {columns.get(name, name): found for name, found in verdicts.items() if isinstance(name, str)}
        ruled = {column: found for column, found in named.items() if column in sides.row}
        taken = {
            column: sides.row[column]
            for column, found in ruled.items()
            if found is Verdict.TAKE and sides.row[column] != current[column]
        }
        changes = {
            column: value for column, value in (changes | taken).items() if column not in ruled or column in taken
        }
    effect.children = [
        (child, old, new)
        for child in sides.target.children
        for old, new in [_siblings(sides, child) if child.key else _list(sides, child)]
        if old or new
    ]
    if changes or effect.children:
        effect.row = {**current, **changes, "version": current["version"] + 1}


def _list(sides: Sides, child: Children) -> tuple[Rows, Rows]:
    """A list as a whole: the rows there were and will be; twice nothing where it stays."""
    assert sides.reference is not None
    found = sides.verdicts.get(child.field)
    new, old = child.rows(sides.theirs), child.rows(sides.reference)
    if found is Verdict.TAKE:
        return sides.rows_of(child)[2], new
    return ([], []) if found is Verdict.KEEP or new == old else (old, new)


def _siblings(sides: Sides, child: Children) -> tuple[Rows, Rows]:
    """Of keyed children those that go and those that come: what only we said about another key stays."""
    assert sides.reference is not None
    theirs, base = child.rows(sides.theirs), child.rows(sides.reference)
    if theirs == base and not sides.verdicts:
        return [], []
    new, old = by_key(child, theirs), by_key(child, base)
    found = {key: sides.verdicts.get((child.field, key)) for key in [*old, *new]}
    changed = [
        key for key, one in found.items() if one is Verdict.TAKE or (one is None and old.get(key) != new.get(key))
    ]
    gone = [old[key] for key in changed if key in old]
    come = [new[key] for key in changed if key in new]
    return gone, come
