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

from . import links, quarantine, refs
from .batch import Counts, Effect, Route, new_id
from .copy import table
from .intake import Incoming, Rejected, all_reasons, take_in
from .links import Known
from .match import match
from .merge import changed, created, effect_on
from .models import RecordLink
from .write import write


@dataclass(kw_only=True)
class Outcome:
    """What a batch did. `seen`: the keys it showed; `keyless`: how many records had none."""

    counts: Counts = field(default_factory=Counts)
    seen: Sequence[str] = ()
    keyless: int = 0


def apply(
    route: Route,
    records: Iterable[Any],
    now: datetime,
    *,
    run_id: UUID | None = None,
    match_as: str = RecordLink.Match.CREATED,
    look_for_resolved: bool = True,
) -> Outcome:
    """Bring a batch of a vendor's records into our tables. Call it inside a transaction; never raises over a record.

    `match_as` is what the links of records that are new here say. `look_for_resolved` False spares a statement where nothing
    is in quarantine.
    """
    batch = _Batch(route, now, match_as)
    incoming, keyless = take_in(records, route.resource, route.mapping)
    batch.rejected += [Rejected("", all_reasons(route.target, one), one.raw) for one in keyless]
    with database.cursor() as cursor:
        known = links.known(cursor, route, incoming) if incoming else {}
        batch.sort_out(incoming, known)
        if batch.fresh or batch.known:
            batch.bring_in(cursor)
        batch.counts.deleted += links.mark_deleted(cursor, route, batch.gone, now)
        quarantine.keep(cursor, route, batch.rejected, run_id, now)
        if look_for_resolved:
            bad = {one.key for one in batch.rejected}
            quarantine.resolve(cursor, route, [key for key in incoming if key not in bad], now)
    batch.counts.quarantined = len(batch.rejected)
    return Outcome(counts=batch.counts, seen=list(incoming), keyless=len(keyless))


class _Batch:
    """The records of a batch on their way: `fresh` are not linked yet, `known` are linked and not as they were, `gone` are
    deleted there and say nothing else."""

    def __init__(self, route: Route, now: datetime, match_as: str) -> None:
        self.route, self.now, self.match_as = route, now, match_as
        self.counts = Counts()
        self.rejected: list[Rejected] = []
        self.fresh: list[Incoming] = []
        self.known: dict[str, Incoming] = {}
        self.gone: list[str] = []
        self.active: set[str] = set()

    def sort_out(self, incoming: dict[str, Incoming], known: dict[str, Known]) -> None:
        """Everything that needs nothing but its link to be decided, is."""
        active, unlinked = RecordLink.State.ACTIVE.value, RecordLink.State.UNLINKED.value
        for key, one in incoming.items():
            link = known.get(key)
            same = link is not None and link.digest == one.digest and (link.state == active) is not one.flagged
            if same or (link is None and one.flagged) or (link is not None and link.state == unlinked):
                self.counts.unchanged += 1
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

    def bring_in(self, cursor: CursorWrapper) -> None:
        refs.resolve(cursor, self.route, [*self.fresh, *self.known.values()])
        effects = self._created()
        matched = match(cursor, self.route, {key: effect.row for key, effect in effects.items() if effect.row})
        existing = [effect_on(effects.pop(key).incoming, record_id, link_id=new_id(), match=RecordLink.Match.NATURAL_KEY)
                    for key, record_id in matched.items()]  # fmt: skip
        agreed: dict[str, str] = {}
        for key, link in links.links_of(cursor, self.route, list(self.known)).items():
            one = self.known[key]
            known = {"link_id": link.id, "match": link.match, "first_seen": link.first_seen, "linked": True}
            existing.append(effect_on(one, link.record_id, deleted=one.flagged, **known))
            agreed[key] = link.base
        ready = self._changed(cursor, existing, agreed)
        written = write(cursor, self.route, [*effects.values(), *ready], self.now, self._refuse)
        for effect in written:
            self._count(effect)

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
        ready: list[Effect] = []
        for effect in effects:
            one, record_id = effect.incoming, effect.record_id
            current = rows.get(record_id)
            if current is None and one.flagged:  # deleted on both sides
                self._only_delete(one.key, was_active=one.key in self.active)
                continue
            its = {name: found.get(record_id, []) for name, found in kin.items()}
            reasons = changed(self.route, effect, agreed=agreed.get(one.key), current=current, kin=its, now=self.now)
            if not reasons:
                ready.append(effect)
                if effect.row:  # for another of their records that is the same one here
                    rows[record_id] = {"version": 1, "created_at": self.now, "updated_at": self.now, **effect.row}
            elif one.flagged:
                self._only_delete(one.key, was_active=one.key in self.active)
            else:
                self._reject(one, reasons)
        return ready

    def _kin(self, cursor: CursorWrapper, effects: Sequence[Effect]) -> dict[str, dict[Any, list[dict[str, Any]]]]:
        """Our children of those records whose fields are compared with ours: of all under a rule, else of the just matched."""
        ids = [effect.record_id for effect in effects if self.route.mapping.rules or not effect.linked]
        if not ids:
            return {}
        return {
            child.field: table(child.model).of_parents(cursor, child.parent, ids)
            for child in self.route.target.children
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
