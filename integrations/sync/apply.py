"""One batch: map, compare, match, merge, write. All of it in the caller's one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.db.backends.utils import CursorWrapper

from integrations.mapping.compile import Reason
from integrations.matching import reviews
from integrations.matching.recognise import Choices, recognise

from . import conflicts, links, quarantine, refs
from .batch import Counts, Effect, Route, new_id
from .copy import table
from .intake import Incoming, Rejected, all_reasons, take_in
from .links import Known
from .merge import compare, created, effect_on, settle
from .models import RecordLink
from .sides import Sides
from .write import write


@dataclass(kw_only=True)
class Outcome:
    """What a batch did. `seen`: the keys it showed; `keyless`: how many records had none; `undated`: how many fields were taken
    from them because nobody knows which side was later."""

    counts: Counts = field(default_factory=Counts)
    undated: int = 0
    seen: Sequence[str] = ()
    keyless: int = 0


def apply(
    route: Route,
    records: Iterable[Any],
    now: datetime,
    *,
    run_id: UUID | None = None,
    match_as: str = RecordLink.Match.CREATED,
    choices: Choices | None = None,
    look_for_resolved: bool = True,
    look_for_conflicts: bool = True,
) -> Outcome:
    """Bring a batch of a vendor's records into our tables. Call it inside a transaction; never raises over a record.

    `match_as` is what the links of records that are new here say; only about those that come by themselves (created from
    theirs) may a person be asked first. `choices`: what was decided about records that are not linked. `look_for_resolved`
    False spares a statement where nothing is in quarantine, `look_for_conflicts` False two where no conflict is open.
    """
    batch = _Batch(route, now, match_as, run_id, choices or {}, look_for_conflicts=look_for_conflicts)
    incoming, keyless = take_in(records, route.resource, route.mapping)
    batch.rejected += [Rejected("", all_reasons(route.target, one), one.raw) for one in keyless]
    with database.cursor() as cursor:
        known = links.known(cursor, route, incoming) if incoming else {}
        batch.sort_out(incoming, known)
        if batch.fresh or batch.known:
            batch.bring_in(cursor)
        batch.counts.deleted += links.mark_deleted(cursor, route, batch.gone, now)
        reviews.take_back(cursor, route, batch.never_here)
        quarantine.keep(cursor, route, batch.rejected, run_id, now)
        if look_for_resolved:
            bad = {one.key for one in batch.rejected}
            quarantine.resolve(cursor, route, [key for key in incoming if key not in bad], now)
    batch.counts.quarantined = len(batch.rejected)
    return Outcome(counts=batch.counts, undated=batch.undated, seen=list(incoming), keyless=len(keyless))


class _Batch:
    """The records of a batch on their way: `fresh` are not linked yet, `known` are linked and not as they were, `gone` are
    deleted there and say nothing else, `never_here` are deleted there and have no link."""

    def __init__(
        self,
        route: Route,
        now: datetime,
        match_as: str,
        run_id: UUID | None,
        choices: Choices,
        *,
        look_for_conflicts: bool,
    ) -> None:
        self.route, self.now, self.match_as, self.run_id, self.choices = route, now, match_as, run_id, choices
        self.look_for_conflicts = look_for_conflicts
        self.undated = 0
        self.counts = Counts()
        self.rejected: list[Rejected] = []
        self.fresh: list[Incoming] = []
        self.known: dict[str, Incoming] = {}
        self.gone: list[str] = []
        self.never_here: list[str] = []
        self.active: set[str] = set()

    def sort_out(self, incoming: dict[str, Incoming], known: dict[str, Known]) -> None:
        """Everything that needs nothing but its link to be decided, is."""
        active, unlinked = RecordLink.State.ACTIVE.value, RecordLink.State.UNLINKED.value
        for key, one in incoming.items():
            link = known.get(key)
            same = link is not None and (link.state == active) is not one.flagged and self._unchanged(one, link.digest)
            if same or (link is None and one.flagged) or (link is not None and link.state == unlinked):
                self.counts.unchanged += 1
                if link is None:
                    self.never_here.append(key)
            elif one.flagged and one.errors:
                self._only_delete(key, was_active=link is not None and link.state == active)
            elif one.errors:
                self._reject(one, all_reasons(self.route.target, one))
            elif link is None:
                self.fresh.append(one)
            else:
                self.known[key] = one
                if link.state == active:
                    self.active.add(key)

    def _unchanged(self, one: Incoming, digest: str) -> bool:
        return one.digest == digest or self.route.mapping.as_before(one.raw, digest)

    def bring_in(self, cursor: CursorWrapper) -> None:
        refs.resolve(cursor, self.route, [*self.fresh, *self.known.values()])
        effects = self._created()
        existing = self._recognised(cursor, effects)
        agreed: dict[str, str] = {}
        for key, link in links.links_of(cursor, self.route, list(self.known)).items():
            one = self.known[key]
            known = {"link_id": link.id, "match": link.match, "first_seen": link.first_seen, "linked": True}
            existing.append(effect_on(one, link.record_id, deleted=one.flagged, **known))
            agreed[key] = link.base
        ready = self._changed(cursor, existing, agreed)
        written = write(cursor, self.route, [*effects.values(), *ready], self.now, self._refuse)
        self.counts.conflicts = conflicts.keep(cursor, self.route, written, self.run_id, self.now)
        if self.look_for_conflicts:
            conflicts.end_those_agreed(cursor, written, self.now)
        for effect in written:
            self._count(effect)

    def _recognised(self, cursor: CursorWrapper, effects: dict[str, Effect]) -> list[Effect]:
        """Those of the new records that are ours already; what waits for a person, or was left out by one, goes no further."""
        asking = self.match_as == RecordLink.Match.CREATED
        found = recognise(cursor, self.route, effects, self.choices, asking=asking)
        reviews.hold(
            cursor, self.route, [(effects.pop(key), one) for key, one in found.held.items()], self.run_id, self.now
        )
        reviews.take_back(cursor, self.route, found.answered)
        self.counts.held += len(found.held)
        self.counts.unchanged += len(found.left_out)
        for key in found.left_out:
            del effects[key]
        return [
            effect_on(effects.pop(key).incoming, record_id, link_id=new_id(), match=how)
            for key, (record_id, how) in found.same.items()
        ]

    def _created(self) -> dict[str, Effect]:
        found: dict[str, Effect] = {}
        for one in self.fresh:
            effect, reasons = created(self.route, one)
            if effect is None:
                self._reject(one, reasons)
            else:
                effect.match = self.match_as
                found[one.key] = effect
        return found

    def _changed(self, cursor: CursorWrapper, effects: list[Effect], agreed: dict[str, str]) -> list[Effect]:
        """The effects worked out against our rows, which stay locked until the batch is committed."""
        if not effects:
            return []
        rows = table(self.route.target.model).locked(cursor, [effect.record_id for effect in effects])
        kin = self._kin(cursor, effects)
        without_base = conflicts.without_base(cursor, effects) if self.look_for_conflicts else {}
        merging = _Merging(self.route, self.now, rows, kin, without_base, agreed)
        ready: list[Effect] = []
        waiting: list[Sides] = []
        for effect in effects:
            one = effect.incoming
            if rows.get(effect.record_id) is None and one.flagged:  # deleted on both sides
                self._only_delete(one.key, was_active=one.key in self.active)
                continue
            sides, reasons = merging.compare(effect)
            if sides is not None and any(contested.owner == "newest" for contested in sides.contested):
                waiting.append(sides)
            elif self._may_go_on(effect, reasons or (merging.settle(sides) if sides else [])):
                ready.append(effect)
        if waiting:
            merging.times = conflicts.times(cursor, self.route, waiting)
        ready += [one.effect for one in waiting if self._may_go_on(one.effect, merging.settle(one))]
        self.undated = merging.undated
        return ready

    def _may_go_on(self, effect: Effect, reasons: list[Reason]) -> bool:
        one = effect.incoming
        if reasons and one.flagged:
            self._only_delete(one.key, was_active=one.key in self.active)
        elif reasons:
            self._reject(one, reasons)
        return not reasons

    def _kin(self, cursor: CursorWrapper, effects: Sequence[Effect]) -> dict[str, dict[Any, list[dict[str, Any]]]]:
        """Our children that are compared with theirs: those under a rule, and all of the records just matched."""
        rules = self.route.mapping.rules
        matched = [effect.record_id for effect in effects if not effect.linked]
        everyone = [effect.record_id for effect in effects]
        asked = {child.field: everyone if child.field in rules else matched for child in self.route.target.children}
        return {
            child.field: table(child.model).of_parents(cursor, child.parent, asked[child.field])
            for child in self.route.target.children
            if asked[child.field]
        }

    def _count(self, effect: Effect) -> None:
        if effect.deleted and effect.incoming.key in self.active:
            self.counts.deleted += 1
        elif effect.fresh:
            self.counts.created += 1
        elif effect.writes:
            self.counts.updated += 1
        else:
            self.counts.unchanged += 1

    def _only_delete(self, key: str, *, was_active: bool) -> None:
        self.gone.append(key)
        if not was_active:
            self.counts.unchanged += 1

    def _refuse(self, effect: Effect, reasons: list[Reason]) -> None:
        self._reject(effect.incoming, reasons)

    def _reject(self, one: Incoming, reasons: list[Reason]) -> None:
        self.rejected.append(Rejected(one.key, reasons, one.raw))


@dataclass
class _Merging:
    """The records of a batch against our `rows`, as the batch changes them: several of theirs may be the same one here.
    `agreed` are the bases by key, `without_base` open conflicts by link, `times` when we changed what the newest is to win."""

    route: Route
    now: datetime
    rows: dict[Any, dict[str, Any]]
    kin: dict[str, dict[Any, list[dict[str, Any]]]]
    without_base: dict[Any, set[tuple[str, str]]]
    agreed: dict[str, str]
    times: dict[tuple[Any, str], conflicts.LastChange] = field(default_factory=dict)
    undated: int = 0

    def compare(self, effect: Effect) -> tuple[Sides | None, list[Reason]]:
        its = {name: found.get(effect.record_id, []) for name, found in self.kin.items()}
        return compare(
            self.route,
            effect,
            agreed=self.agreed.get(effect.incoming.key),
            current=self.rows.get(effect.record_id),
            kin=its,
            without_base=self.without_base.get(effect.link_id, ()),
        )

    def settle(self, sides: Sides) -> list[Reason]:
        effect = sides.effect
        if self.rows.get(effect.record_id) is not sides.current:  # another record of the batch has changed ours
            again, reasons = self.compare(effect)
            if again is None:
                return reasons
            sides = again

        def ours_at(name: str) -> datetime | None:
            found = self.times.get((effect.record_id, name))
            return found.at if found else None

        reasons, undated = settle(self.route, sides, self.now, ours_at)
        self.undated += undated
        if not reasons and effect.row:
            self.rows[effect.record_id] = {
                "version": 1, "created_at": self.now, "updated_at": self.now, **effect.row
            }  # fmt: skip
        return reasons
