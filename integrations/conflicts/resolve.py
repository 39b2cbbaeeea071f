"""A person decides: ours, theirs, or a value of their own, for one conflict or for many at once.

`theirs` writes their value here; `ours` keeps ours, which goes out with the next sending; another value does both. Each time
the base becomes their value, so that `ours != base` is what is sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from integrations.changes import origins
from integrations.mapping.compile import Reason

from .models import Conflict
from .ours import Name
from .review import look_again
from .settling import Settling, hold, name_of

AT_ONCE = 1_000
UNDO_FOR = timedelta(days=30)
CHANGED = "It was changed since you looked. Look at both sides again."
TWICE = "The same field of this record was settled in this step already."
OPEN, RESOLVED, MOOT = Conflict.State.OPEN, Conflict.State.RESOLVED, Conflict.State.MOOT
OURS, THEIRS, VALUE = Conflict.Resolution.OURS, Conflict.Resolution.THEIRS, Conflict.Resolution.VALUE


class Refused(NamedTuple):
    """A conflict that stays as it is, and the sentence why."""

    conflict: Conflict
    why: str


@dataclass
class Decided:
    resolved: list[Conflict] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


class CannotUndo(ValueError):
    """The decision cannot be taken back; the sentence says why."""


def stamp(conflict: Conflict, ours_now: Any) -> str:
    """What a person has seen, in 16 hex digits: another one means that there is something else to decide."""
    seen = orjson.dumps([conflict.version, ours_now, conflict.theirs], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(seen, digest_size=8).hexdigest()


def resolve_seen(
    conflicts: QuerySet[Conflict], seen: Mapping[UUID, str], resolution: str, *, origin: str, value: Any = None
) -> Decided:
    """Decide the conflicts whose stamps are given. `value` is canonical JSON, for the resolution `value` only."""

    def may(conflict: Conflict, ours_now: Any) -> bool:
        return seen.get(conflict.pk) == stamp(conflict, ours_now)

    return _Deciding(resolution, value, origin, may).all_of(conflicts.filter(pk__in=seen))


def resolve_all(conflicts: QuerySet[Conflict], as_of: datetime, resolution: str, *, origin: str) -> Decided:
    """Decide all of these for one side, but for those that changed after `as_of`, when they were counted."""

    def may(conflict: Conflict, ours_now: Any) -> bool:
        return conflict.updated_at <= as_of and ours_now == conflict.ours

    return _Deciding(resolution, None, origin, may).all_of(conflicts.filter(created_at__lte=as_of))


def reopen(conflict: Conflict, *, origin: str) -> None:
    """Take a decision back: our value and the base are again what they were. Raises CannotUndo where it is too old, or
    somebody has gone on from it."""
    with transaction.atomic(), origins.by(origin):
        hold([conflict])
        conflict.refresh_from_db()
        if conflict.state != RESOLVED or conflict.resolved_at is None:
            raise CannotUndo("It is not decided.")
        if conflict.resolved_at < timezone.now() - UNDO_FOR:
            raise CannotUndo(f"It was decided more than {UNDO_FOR.days} days ago.")
        settling = Settling.of(conflict.target, [conflict], timezone.now())
        if why := settling.is_over(conflict) or _gone_on(settling, conflict):
            raise CannotUndo(f"It cannot be taken back: {why}.")
        if reasons := settling.write_ours(conflict.record_id, {name_of(conflict): conflict.ours}):
            raise CannotUndo(f"It cannot be taken back: {_sentence(reasons)}")
        settling.disagree(conflict)
        settling.save()
        conflict.state, conflict.resolution, conflict.value = OPEN, "", None
        conflict.resolved_by, conflict.resolved_at = "", None
        conflict.updated_at, conflict.version = settling.now, conflict.version + 1
        conflict.save()


def _gone_on(settling: Settling, conflict: Conflict) -> str:
    """Who has gone on from the decision, or an empty text."""
    chosen = {OURS: conflict.ours, THEIRS: conflict.theirs, VALUE: conflict.value}[
        Conflict.Resolution(conflict.resolution)
    ]
    again = Conflict.objects.filter(link=conflict.link_id, field=conflict.field, part=conflict.part, state=OPEN)
    if again.exists():
        return "both sides have changed it again"
    if not settling.ours[conflict.record_id].is_as(name_of(conflict), chosen):
        return "it has been changed here since"
    if not settling.base_is(conflict, conflict.theirs):
        return "it has been sent, or changed there since"
    return ""


# --- many at once -----------------------------------------------------------------------------------------------------


@dataclass
class _Deciding:
    """One decision for many conflicts. `may(conflict, what ours says now)`: whether it is still what the person saw."""

    resolution: str
    value: Any
    origin: str
    may: Callable[[Conflict, Any], bool]
    decided: Decided = field(default_factory=Decided)

    def all_of(self, conflicts: QuerySet[Conflict]) -> Decided:
        """A thousand to a transaction, so that no sync waits long."""
        for batch in _batches(conflicts.filter(state=OPEN)):
            with transaction.atomic(), origins.by(self.origin):
                hold(batch)
                rows = Conflict.objects.filter(pk__in=[one.pk for one in batch], state=OPEN)
                found = list(rows.select_for_update(of=("self",)).order_by("pk"))
                for target in sorted({one.target for one in found}):
                    its = [one for one in found if one.target == target]
                    self._settle(Settling.of(target, its, timezone.now()), its)
        return self.decided

    def _settle(self, settling: Settling, conflicts: Sequence[Conflict]) -> None:
        wanted: dict[UUID, dict[Name, Conflict]] = {}
        done: list[Conflict] = []
        ended: list[Conflict] = []
        changed: list[Conflict] = []
        for one in conflicts:
            name = name_of(one)
            if why := settling.is_over(one):
                ended.append(one)
                self._refuse(one, f"There is nothing to decide any more: {why}.")
                continue
            ours_now = settling.ours[one.record_id].value(name)
            if not self.may(one, ours_now):
                changed += [one] if ours_now != one.ours else []
                self._refuse(one, CHANGED)
                continue
            one.ours = ours_now  # what was decided about, and what an undoing brings back
            if self.resolution == OURS:
                done.append(one)
            elif name in wanted.setdefault(one.record_id, {}):
                self._refuse(one, TWICE)
            else:
                wanted[one.record_id][name] = one
        done += [one for record_id, its in wanted.items() for one in self._write(settling, record_id, its)]
        for one in done:
            settling.agree(one)
            if self.resolution == OURS:
                settling.overrule(one)
            one.state, one.resolution, one.value = RESOLVED, self.resolution, self.value
            one.resolved_by, one.resolved_at = self.origin, settling.now
        for one in ended:
            one.state, one.resolved_at = MOOT, settling.now
        settling.save()
        fields = ["record_id", "ours", "state", "resolution", "value", "resolved_by", "resolved_at"]
        Conflict.objects.bulk_update([*done, *ended], fields, batch_size=AT_ONCE)
        look_again(settling, changed)
        self.decided.resolved += done

    def _write(self, settling: Settling, record_id: UUID, its: Mapping[Name, Conflict]) -> list[Conflict]:
        """Together where that makes a record (an amount and the sum it is part of), else one by one."""
        values = {name: self.value if self.resolution == VALUE else one.theirs for name, one in its.items()}
        if not settling.write_ours(record_id, values):
            return list(its.values())
        done = []
        for name, one in its.items():
            if reasons := settling.write_ours(record_id, {name: values[name]}):
                self._refuse(one, _sentence(reasons))
            else:
                done.append(one)
        return done

    def _refuse(self, conflict: Conflict, why: str) -> None:
        self.decided.refused.append(Refused(conflict, why))


def _batches(conflicts: QuerySet[Conflict]) -> Iterator[list[Conflict]]:
    after: UUID | None = None
    while True:
        rows = conflicts.order_by("pk")
        found = list((rows.filter(pk__gt=after) if after else rows)[:AT_ONCE])
        if found:
            yield found
        if len(found) < AT_ONCE:
            return
        after = found[-1].pk


def _sentence(reasons: Sequence[Reason]) -> str:
    return f"This cannot be stored. {'; '.join(map(str, reasons))}."
