"""Conflicts as people see them: both sides in words, who changed what when, and our side as it is now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import QuerySet

from integrations import roles, targets
from integrations import shown as values
from integrations.changes import who
from integrations.provider.money import money, to_major, to_minor
from integrations.sync.models import RecordLink
from integrations.sync.sides import key_of
from integrations.targets import Target

from .models import Conflict
from .ours import Ours, load
from .resolve import stamp
from .settling import name_of

NOTHING = "nothing"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One conflict. `base`, `ours` and `theirs` are lines of text, `ours_now` the value as JSON, `ours_by` None where that is
    newer than the sync; `gone`: our record is no longer here, and nothing can be decided. `seen` names the conflict and what is
    shown of it, for the answer."""

    conflict: Conflict
    record: str
    field: str
    base: list[str]
    ours: list[str]
    theirs: list[str]
    ours_now: Any
    ours_by: who.Who | None
    resolved_by: who.Who | None
    gone: bool
    stamp: str
    typed: str
    can_be_typed: bool

    @property
    def seen(self) -> str:
        return f"{self.conflict.pk}:{self.stamp}"

    @property
    def value(self) -> list[str]:
        return lines_of(self.conflict.value)


def seen_by(user: Any, act: str = "view") -> QuerySet[Conflict]:
    """Conflicts the person may see, or with the act `sync` decide: of their connections, about records they may see."""
    providers, kinds = roles.usable_providers(user, act), roles.targets_seen_by(user)
    return Conflict.objects.filter(connection__provider__in=providers, target__in=kinds)


def shown(conflicts: Sequence[Conflict], usable: who.Usable = None) -> list[Shown]:
    """A fixed number of queries per kind of record, however many conflicts. `usable`: as `who.in_words` takes it."""
    known = targets.all_targets()
    # A link may lead to another record since two were merged.
    links = RecordLink.objects.filter(pk__in=[one.link_id for one in conflicts]).values_list("pk", "record_id")
    now = dict(links)
    for conflict in conflicts:
        conflict.record_id = now.get(conflict.link_id, conflict.record_id)
    by_target: dict[str, list[UUID]] = {}
    for conflict in conflicts:
        if conflict.target in known:
            by_target.setdefault(conflict.target, []).append(conflict.record_id)
    ours: dict[tuple[str, UUID], Ours] = {}
    for target, ids in by_target.items():
        ours |= {(target, pk): one for pk, one in load(known[target], ids).items()}
    names = _names(conflicts, ours)
    people = who.in_words((one for each in conflicts for one in (each.ours_by, each.resolved_by)), usable)
    return [_one(conflict, ours.get((conflict.target, conflict.record_id)), names, people) for conflict in conflicts]


def _one(
    conflict: Conflict,
    ours: Ours | None,
    names: dict[str, str],
    people: dict[str, who.Who],
) -> Shown:
    still_open = conflict.state == Conflict.State.OPEN
    now = ours.value(name_of(conflict)) if ours and still_open and _known(ours.target, conflict) else conflict.ours
    changed = now != conflict.ours
    base, mine, theirs = (lines_of(value, names) for value in (conflict.base, now, conflict.theirs))
    return Shown(
        conflict=conflict,
        record=names.get(str(conflict.record_id), "a record that is no longer here"),
        field=field_label(conflict),
        base=base,
        ours=mine,
        theirs=theirs,
        ours_now=now,
        ours_by=None if changed else people[conflict.ours_by],
        resolved_by=people[conflict.resolved_by] if conflict.resolved_by else None,
        gone=ours is None,
        stamp=stamp(conflict, now),
        typed=_typeable(now if now is not None else conflict.theirs),
        can_be_typed=not conflict.part and not any(_is_made_of_parts(one) for one in (now, conflict.theirs)),
    )


def _known(target: Target, conflict: Conflict) -> bool:
    return conflict.field in target.canonical.model_fields


def field_label(conflict: Conflict) -> str:
    """`Given name`; `Consents: email, newsletter:a`."""
    label = values.label(conflict.field)
    return f"{label}: {', '.join(map(str, key_of(conflict.part)))}" if conflict.part else label


def lines_of(value: Any, names: Mapping[str, str] | None = None) -> list[str]:
    """A canonical value in words: a line for each thing in a list. `names`: what records are called, by id."""
    things = value if isinstance(value, list) and any(isinstance(one, dict) for one in value) else [value]
    return [values.said(one, names or {}, with_fields=True) or NOTHING for one in things]


def _is_made_of_parts(value: Any) -> bool:
    return isinstance(value, list | dict) and not values.is_money(value)


def _names(conflicts: Sequence[Conflict], ours: Mapping[tuple[str, UUID], Ours]) -> dict[str, str]:
    """What the records are called, and those that their fields refer to: by id."""
    known = targets.all_targets()
    wanted: set[tuple[type[models.Model], str]] = set()
    for conflict in conflicts:
        target = known.get(conflict.target)
        if target is None:
            continue
        wanted.add((target.model, str(conflict.record_id)))
        if conflict.field in target.refs:
            its = ours.get((conflict.target, conflict.record_id))
            ids = [conflict.base, conflict.ours, conflict.theirs, its.value(name_of(conflict)) if its else None]
            wanted |= {(targets.get(target.refs[conflict.field]).model, str(one)) for one in ids if one}
    return {key: values.name_of(row) for (_, key), row in values.objects(wanted).items()}


# --- a value of one's own ---------------------------------------------------------------------------------------------


def _typeable(value: Any) -> str:
    if values.is_money(value):
        return str(to_major(value["minor"], value["currency"]))
    return "" if value is None or _is_made_of_parts(value) else str(value)


def typed(conflict: Conflict, text: str) -> Any:
    """What a person typed as a canonical value: an amount in the currency of the conflict, anything else as text, which the
    record's own check reads. None for nothing. ValueError carries a sentence."""
    text = text.strip()
    if not text:
        return None
    for value in (conflict.ours, conflict.theirs, conflict.base):
        if values.is_money(value):
            currency = value["currency"]
            try:
                return money(to_minor(Decimal(text), currency), currency)
            except InvalidOperation:
                raise ValueError(f"Type an amount in {currency}, such as 12.50.") from None
    return text
