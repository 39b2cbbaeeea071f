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
from .reverting import CHANGED, REFUSED, USED

# Record ids of a target -> why others need the record, for those that somebody else needs.
Users = Callable[[Target, Sequence[UUID]], Mapping[UUID, str]]


class Moved(NamedTuple):
    """What was left as it is. `why`: changed | used | gone | there | refused; `what`: who changed it last (an origin), who uses
    it, or what the database said. `fields` are columns; empty for a whole record or part."""

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


def revert(change_sets: Collection[int], *, own: Collection[UUID] = (), users: Users | None = None) -> Reverted:
    """Take these change sets back, the newest first. Call it in a transaction, after `origins.speak`.

    Changes of these sets, of this transaction and of the runs in `own` do not count as made since. `users` names who else needs
    a record that would be deleted, beyond the tables that refer to it.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("revert() belongs in a transaction: a change set is taken back whole.")
    done = Reverted()
    with connection.cursor() as cursor:
        ours = reverting.Own(list(change_sets), list(own), reverting.mark(cursor))
        for change_set in sorted(change_sets, reverse=True):
            done.add(_whole(cursor, change_set, ours, users))
    return done


def _whole(cursor: CursorWrapper, change_set: int, own: reverting.Own, users: Users | None) -> Reverted:
    """A change set taken back. What the database refuses (a number that is somebody else's by now) is found by halving: one
    record never costs its set. What was refused because another record was not back yet is tried again."""
    done = _attempt(cursor, change_set, None, own=own, users=users)
    while refused := [one for one in done.moved if one.why == REFUSED]:
        again = Reverted()
        for one in refused:
            again.add(_attempt(cursor, change_set, [one.record_id], own=own, users=users))
        still = [one for one in again.moved if one.why == REFUSED]
        done.moved = [one for one in done.moved if one.why != REFUSED]
        done.add(again)
        if len(still) == len(refused):
            break
    return done


def _attempt(
    cursor: CursorWrapper, change_set: int, only: Sequence[UUID] | None, *, own: reverting.Own, users: Users | None
) -> Reverted:
    try:
        with transaction.atomic():
            return _one(cursor, change_set, only, own=own, users=users)
    except (DataError, IntegrityError) as error:
        ids = list(only) if only is not None else reverting.records_of(cursor, change_set)
        if len(ids) == 1:
            target = reverting.target_of(cursor, change_set, ids[0])
            return Reverted(moved=[Moved(target, ids[0], "", (), REFUSED, reverting.said(error))])
    middle = len(ids) // 2
    done = _attempt(cursor, change_set, ids[:middle], own=own, users=users)
    done.add(_attempt(cursor, change_set, ids[middle:], own=own, users=users))
    return done


def _one(
    cursor: CursorWrapper, change_set: int, only: Sequence[UUID] | None, *, own: reverting.Own, users: Users | None
) -> Reverted:
    """Rows come back before anything points at them again, and go when nothing does any more."""
    done = Reverted()
    made: dict[str, list[UUID]] = {}
    for layer in range(1, reverting.load(cursor, change_set, only, own) + 1):
        for name in reverting.targets_of(cursor, layer):
            step = reverting.Step(cursor, targets.get(name), layer)
            done.add(_set_back(step))
            untouched, touched = step.made()
            made.setdefault(name, []).extend(untouched)
            done.moved += [Moved(name, pk, "", (), CHANGED, origin) for pk, origin in touched]
    done.add(_deleted(cursor, made, users))
    reverting.check(cursor)
    reverting.unload(cursor)
    return done


def _set_back(step: reverting.Step) -> Reverted:
    """Every row's newest change but those already taken back, as far as the row is to stay."""
    name = step.target.name
    restored, there = step.bring_back()
    moved = [Moved(name, pk, "", (), "there") for pk in there]
    gone, kept = step.differing()
    moved += [Moved(name, pk, "", (), "gone") for pk in gone]
    moved += [Moved(name, pk, "", tuple(columns), CHANGED, origin) for pk, columns, origin in kept]
    changed = set(step.set_back())
    for child in step.target.children:
        exchanged, left = step.exchange(child)
        changed |= set(exchanged)
        moved += [Moved(name, pk, child.field, (), CHANGED, origin) for pk, origin in left]
    return Reverted(restored=len(restored), changed=len(changed - set(restored)), moved=moved)


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
