"""Changes as people read them: who did what to which record, and which field went from what to what. A fixed number of queries
for any number of entries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import models

from integrations import shown, targets
from integrations.sync.models import SyncRun
from integrations.targets import Target

from . import who
from .feed import Entry

DID = {"insert": "made", "update": "changed", "delete": "deleted", "overruled": "not taken over"}
_NO_LONGER = "that is no longer here"


class Difference(NamedTuple):
    """A field that went from one value to another, in words; "" for empty."""

    field: str
    label: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Told:
    """`who` as a title, `by` as the end of a sentence; `part` is what people call the list whose row changed, "" for the record
    itself; `row` what that row says; `why` a sentence, or "" where who did it says enough."""

    id: int
    at: datetime
    who: str
    by: str
    why: str
    run: UUID | None
    target: str
    kind: str
    record: UUID
    name: str
    op: str
    did: str
    part: str
    row: str
    differences: list[Difference]


def tell(entries: Sequence[Entry], usable: who.Usable = None) -> list[Told]:
    """The entries in words, in their order."""
    found = shown.objects(_mentioned(entries))
    found |= shown.objects({pair for row in found.values() for pair in _pointed(row)} - set(found))
    names, runs = who.in_words((entry.origin for entry in entries), usable), _runs(entries)
    return [_told(entry, found, names[entry.origin], runs.get(entry.run) if entry.run else None) for entry in entries]


def _told(entry: Entry, found: shown.Objects, origin: who.Who, run: SyncRun | None) -> Told:
    target = targets.get(entry.target)
    model = _model(target, entry.part)
    record = found.get((target.model, str(entry.aggregate)))
    name = shown.name_of(record)
    if not name and entry.op == "delete" and not entry.part:
        name = shown.name_from(target.model, entry.before or {})
    return Told(
        id=entry.id,
        at=entry.at,
        who=origin.alone,
        by=origin.by,
        why="theirs lost by the rule of the field" if entry.op == "overruled" else _asked(run),
        run=entry.run,
        target=entry.target,
        kind=target.label,
        record=entry.aggregate,
        name=name or f"a {target.label.lower()} {_NO_LONGER}",
        op=entry.op,
        did=DID[entry.op],
        part=shown.label(entry.part),
        row=_row(entry, model, found),
        differences=_differences(entry, target, model, found, getattr(record, "currency", "")),
    )


def _differences(
    entry: Entry, target: Target, model: type[models.Model], found: shown.Objects, currency: str
) -> list[Difference]:
    """Of a change the fields that changed; of what was not taken over theirs, and ours that stayed; of a deleted record what
    it held."""
    before, after = entry.before or {}, entry.after or {}
    if entry.op == "delete":
        currency = currency or str(before.get("currency") or "")
    names = sorted({*before, *after} - set(shown.OURS)) if not (entry.part and entry.op == "delete") else []
    told = []
    for column in names:
        texts = [shown.text_of(model, column, values.get(column), found, currency) for values in (before, after)]
        if any(texts) or entry.op == "update":
            told.append(Difference(shown.field_of(target, column), shown.label_of(target, column), *texts))
    return told


def _row(entry: Entry, model: type[models.Model], found: shown.Objects) -> str:
    """What a part's row says: as it was, for one that is gone."""
    if not entry.part:
        return ""
    if entry.op == "delete":
        return shown.name_from(model, entry.before or {})
    return shown.name_of(found.get((model, entry.row_key)), f"a row {_NO_LONGER}")


def _mentioned(entries: Sequence[Entry]) -> set[tuple[type[models.Model], str]]:
    wanted: set[tuple[type[models.Model], str]] = set()
    for entry in entries:
        target = targets.get(entry.target)
        model = _model(target, entry.part)
        wanted.add((target.model, str(entry.aggregate)))
        if entry.part and entry.op != "delete":
            wanted.add((model, entry.row_key))
        for values in (entry.before, entry.after):
            wanted.update(shown.referred(model, values))
    return wanted


def _pointed(row: models.Model) -> Iterable[tuple[type[models.Model], str]]:
    """A part's row may be called by what it points at."""
    values = {str(one.column): getattr(row, one.attname) for one in row._meta.concrete_fields}
    return shown.referred(type(row), values)


def _model(target: Target, part: str) -> type[models.Model]:
    return next((child.model for child in target.children if child.field == part), target.model)


def _runs(entries: Sequence[Entry]) -> dict[UUID, SyncRun]:
    wanted = {entry.run for entry in entries if entry.run}
    return SyncRun.objects.select_related("triggered_by").defer("plan").in_bulk(wanted)


def _asked(run: SyncRun | None) -> str:
    """How it came about: `asked for by Ann Lee`, `by the schedule`."""
    if run is None:
        return ""
    if run.triggered_by is not None:
        return f"asked for by {who.person(run.triggered_by)}"
    said: Mapping[str, str] = {
        SyncRun.Trigger.SCHEDULE: "by the schedule",
        SyncRun.Trigger.API: "asked for by the API",
        SyncRun.Trigger.COMMAND: "asked for on the command line",
    }
    return said.get(run.trigger, "")
