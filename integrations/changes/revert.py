"""Takes change sets back: rows they made are deleted, columns they changed get their old values, rows they deleted come back.

Set-based, and honest: what has moved on since is left as it is and listed. A column is set back where it still holds what the
change set wrote; a record it made is deleted where nothing changed on it since and nothing refers to it; the rows of a part (an
invoice's lines) are exchanged all together or not at all. What is reverted stands in the feed as every change does, so a revert
can be reverted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from django.db import DataError, IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper

from integrations import targets
from integrations.targets import Target

from . import reverting
from .reverting import CHANGED, REFUSED, TAKEN, USED

# Record ids of a target -> why others need the record, for those that somebody else needs.
Users = Callable[[Target, Sequence[UUID]], Mapping[UUID, str]]


class Moved(NamedTuple):
    """What was left as it is. `why`: changed | used | gone | there | taken | refused; `what`: who changed it last (an origin),
    who uses it, the value that is another record's by now, or what the database said. `fields` are columns; empty for a whole
    record or part."""

    target: str
    record_id: UUID
    part: str
    fields: tuple[str, ...]
    why: str
    what: str = ""


@dataclass(kw_only=True)
class Reverted:
    """How many records were deleted again, brought back and set back (a record counts once in each), and what moved on."""

    deleted: int = 0
    restored: int = 0
    changed: int = 0
    moved: list[Moved] = field(default_factory=list)

    def add(self, other: Reverted) -> None:
        self.deleted += other.deleted
        self.restored += other.restored
        self.changed += other.changed
        self.moved += other.moved


class _How(NamedTuple):
    own: reverting.Own
    users: Users | None
    row_by_row: bool
    without_taken: bool


def revert(
    change_sets: Collection[int],
    *,
    own: Collection[UUID] = (),
    users: Users | None = None,
    row_by_row: bool = False,
    without_taken: bool = False,
    all_or_nothing: bool = False,
) -> Reverted:
    """Take these change sets back, the newest first. Call it in a transaction, after `origins.speak`.

    Changes of these sets, of this transaction and of the runs in `own` do not count as made since. `users` names who else needs
    a record that would be deleted, beyond the tables that refer to it.

    `row_by_row`: the rows of a part go back each for itself, column by column; for sets that add no such rows. `without_taken`:
    a row comes back without the unique value that is another's by now, rather than not at all. `all_or_nothing`: what the
    database refuses is raised.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("revert() belongs in a transaction: a change set is taken back whole.")
    done = Reverted()
    with connection.cursor() as cursor:
        ours = reverting.Own(list(change_sets), list(own), reverting.mark(cursor))
        how = _How(ours, users, row_by_row, without_taken)
        for change_set in sorted(change_sets, reverse=True):
            done.add(_one(cursor, change_set, None, how) if all_or_nothing else _by_halves(cursor, change_set, how))
    return done


def _by_halves(cursor: CursorWrapper, change_set: int, how: _How) -> Reverted:
    """A change set taken back. What the database refuses (a number that is somebody else's by now) is found by halving: one
    record never costs its set. What was refused because another record was not back yet is tried again."""
    done = _attempt(cursor, change_set, None, how)
    while refused := [one for one in done.moved if one.why == REFUSED]:
        again = Reverted()
        for one in refused:
            again.add(_attempt(cursor, change_set, [one.record_id], how))
        still = [one for one in again.moved if one.why == REFUSED]
        done.moved = [one for one in done.moved if one.why != REFUSED]
        done.add(again)
        if len(still) == len(refused):
            break
    return done


def _attempt(cursor: CursorWrapper, change_set: int, only: Sequence[UUID] | None, how: _How) -> Reverted:
    try:
        with transaction.atomic():
            return _one(cursor, change_set, only, how)
    except (DataError, IntegrityError) as error:
        ids = list(only) if only is not None else reverting.records_of(cursor, change_set)
        if len(ids) == 1:
            target = reverting.target_of(cursor, change_set, ids[0])
            return Reverted(moved=[Moved(target, ids[0], "", (), REFUSED, reverting.said(error))])
    middle = len(ids) // 2
    done = _attempt(cursor, change_set, ids[:middle], how)
    done.add(_attempt(cursor, change_set, ids[middle:], how))
    return done


def _one(cursor: CursorWrapper, change_set: int, only: Sequence[UUID] | None, how: _How) -> Reverted:
    """What points at a row that is not back yet is looked at in the end; rows go when nothing points at them any more."""
    done = Reverted()
    made: dict[str, list[UUID]] = {}
    for layer in range(1, reverting.load(cursor, change_set, only, how.own) + 1):
        for name in reverting.targets_of(cursor, layer):
            step = reverting.Step(cursor, targets.get(name), layer)
            done.add(_set_back(step, how))
            untouched, touched = step.made()
            made.setdefault(name, []).extend(untouched)
            done.moved += [Moved(name, pk, "", (), CHANGED, origin) for pk, origin in touched]
    done.add(_deleted(cursor, made, how.users))
    reverting.check(cursor)
    reverting.unload(cursor)
    return done


def _set_back(step: reverting.Step, how: _How) -> Reverted:
    """Every record's newest change but those already taken back, as far as the record is to stay."""
    restored, changed, moved = _rows(step, how)
    for child in step.target.children:
        if how.row_by_row:
            again, others, left = _rows(step.of(child), how)
            changed |= again | others
            moved += left
        else:
            exchanged, kept = step.exchange(child)
            changed |= set(exchanged)
            moved += [Moved(step.target.name, pk, child.field, (), CHANGED, origin) for pk, origin in kept]
    return Reverted(restored=len(restored), changed=len(changed - restored), moved=moved)


def _rows(step: reverting.Step, how: _How) -> tuple[set[UUID], set[UUID], list[Moved]]:
    """Records whose rows came back, records whose rows have an old value again, and what moved on. Old values first: one may
    be the number that a deleted row had, and needs again."""
    name, part = step.target.name, step.part
    gone, kept = step.differing()
    changed = step.set_back()
    taken = step.leave_taken() if how.without_taken else []
    restored, there = step.bring_back()
    moved = [Moved(name, pk, part, (), "there") for pk in there]
    moved += [Moved(name, pk, part, (), "gone") for pk in gone]
    moved += [Moved(name, pk, part, tuple(columns), CHANGED, origin) for pk, columns, origin in kept]
    moved += [Moved(name, pk, part, (column,), TAKEN, value) for pk, column, value in taken]
    return restored, changed, moved


def _deleted(cursor: CursorWrapper, made: dict[str, list[UUID]], users: Users | None) -> Reverted:
    """What was made goes, those first that nothing points at: until nothing more can go."""
    done = Reverted()
    needed: dict[str, dict[UUID, str]] = {}
    going = True
    while going:
        going = False
        for name, ids in made.items():
            step = reverting.Step(cursor, targets.get(name), 0)
            needed[name] = {**step.referred(ids), **(users(step.target, ids) if users and ids else {})}
            free = [pk for pk in ids if pk not in needed[name]]
            done.deleted += step.delete(free)
            made[name] = list(needed[name])
            going = going or bool(free)
    done.moved += [Moved(name, pk, "", (), USED, who) for name, found in needed.items() for pk, who in found.items()]
    return done
