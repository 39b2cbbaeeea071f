"""Changes as people read them: who did what to which record, and which field went from what to what. A fixed number of queries
for any number of entries."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth.models import User
from django.db import models

from integrations import registry, shown, targets
from integrations.api.models import ApiKey
from integrations.connections.models import Connection
from integrations.sync.models import SyncRun
from integrations.targets import Target

from .feed import Entry

DID = {"insert": "made", "update": "changed", "delete": "deleted", "overruled": "not taken over"}
PLAIN_SQL = "Directly in the database"
_NO_LONGER = "that is no longer here"


class Difference(NamedTuple):
    """A field that went from one value to another, in words; "" for empty."""

    field: str
    label: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Told:
    """`part` is what people call the list whose row changed, "" for the record itself; `row` what that row says; `why` a
    sentence, or "" where who did it says enough."""

    id: int
    at: datetime
    who: str
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


def tell(entries: Sequence[Entry], usable: Collection[str] | None = None) -> list[Told]:
    """The entries in words, in their order. `usable`: the providers whose connections may be named; None for all."""
    found = shown.objects(_mentioned(entries))
    found |= shown.objects({pair for row in found.values() for pair in _pointed(row)} - set(found))
    names, runs = who({entry.origin for entry in entries}, usable), _runs(entries)
    return [_told(entry, found, names[entry.origin], runs.get(entry.run) if entry.run else None) for entry in entries]


def _told(entry: Entry, found: shown.Objects, origin: str, run: SyncRun | None) -> Told:
    target = targets.get(entry.target)
    model = _model(target, entry.part)
    record = found.get((target.model, str(entry.aggregate)))
    name = shown.name_of(record)
    if not name and entry.op == "delete" and not entry.part:
        name = shown.name_from(target.model, entry.before or {})
    return Told(
        id=entry.id,
        at=entry.at,
        who=origin,
        why="theirs lost by the rule of the field" if entry.op == "overruled" else _asked(run),
        run=entry.run,
        target=entry.target,
        kind=target.label,
        record=entry.aggregate,
        name=name or f"a {target.label.lower()} {_NO_LONGER}",
        op=entry.op,
        did=DID[entry.op],
        part=entry.part.replace("_", " ").capitalize(),
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


# --- who --------------------------------------------------------------------------------------------------------------


def who(origins: Iterable[str], usable: Collection[str] | None = None) -> dict[str, str]:
    """Origin -> who that is, in words; four queries at most. `usable`: the providers whose connections may be named."""
    ids: dict[str, set[str]] = {}
    for origin in {*origins}:
        kind, _, key = origin.partition(":")
        ids.setdefault(kind, set()).add(key)
    lines = {str(one.pk): one for one in _rows(Connection.objects, _uuids(ids.get("connection", ())))}
    people = {str(one.pk): one for one in _rows(User.objects, _numbers(ids.get("user", ())))}
    keys = {str(one.pk): one for one in _rows(ApiKey.objects, _uuids(ids.get("api", ())))}
    undone = SyncRun.objects.select_related("connection").defer("plan")
    runs = {str(one.pk): one for one in _rows(undone, _uuids(ids.get("undo", ())))}
    said: dict[str, Callable[[str], str]] = {
        "connection": lambda key: _connection(lines.get(key), usable),
        "user": lambda key: _person(people.get(key)),
        "api": lambda key: f"API key “{keys[key].name}”" if key in keys else f"An API key {_NO_LONGER}",
        "undo": lambda key: _undo(runs.get(key)),
        "merge": lambda _: "A merge of two records",
    }
    return {
        f"{kind}:{key}" if kind else "": said[kind](key) if kind in said else PLAIN_SQL
        for kind, found in ids.items()
        for key in found
    }


def _rows(rows: Any, keys: Collection[Any]) -> Iterable[Any]:
    return rows.filter(pk__in=keys) if keys else ()


def _runs(entries: Sequence[Entry]) -> dict[UUID, SyncRun]:
    wanted = {entry.run for entry in entries if entry.run}
    rows = SyncRun.objects.select_related("triggered_by").defer("plan")
    return {run.pk: run for run in _rows(rows, wanted)}


def _connection(connection: Connection | None, usable: Collection[str] | None) -> str:
    if connection is None:
        return f"A connection {_NO_LONGER}"
    if usable is not None and connection.provider not in usable:
        return "Another connection"
    known = registry.all_providers().get(connection.provider)
    return f"{known.name if known else connection.provider}, “{connection.name}”"


def _person(user: User | None) -> str:
    return (user.get_full_name() or user.get_username()) if user else f"Somebody {_NO_LONGER}"


def _undo(run: SyncRun | None) -> str:
    if run is None:
        return "An undo"
    what = "undo" if run.kind == SyncRun.Kind.UNDO else "sync"
    return f"Undo of the {what} of {run.resource.replace('_', ' ')} from “{run.connection.name}”"


def _asked(run: SyncRun | None) -> str:
    """How it came about: `asked for by Ann Lee`, `by the schedule`."""
    if run is None:
        return ""
    if run.triggered_by is not None:
        return f"asked for by {_person(run.triggered_by)}"
    said: Mapping[str, str] = {
        SyncRun.Trigger.SCHEDULE: "by the schedule",
        SyncRun.Trigger.API: "asked for by the API",
        SyncRun.Trigger.COMMAND: "asked for on the command line",
    }
    return said.get(run.trigger, "")


def _uuids(texts: Iterable[str]) -> set[UUID]:
    return {UUID(text) for text in texts if _is_uuid(text)}


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _numbers(texts: Iterable[str]) -> set[int]:
    return {int(text) for text in texts if text.isdigit()}
