"""Entries of the change feed as what each transaction did to each record, with the records as they are now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection as database
from pydantic_core import to_jsonable_python

from integrations import targets
from integrations.changes.feed import Entry
from integrations.connections.models import Connection
from integrations.matching.models import Merge
from integrations.sync.copy import table
from integrations.sync.rebuild import canonical_of, columns_of
from integrations.targets import Target

_WHO = {
    "": "somebody with access to the database",
    "api": "a program that uses the API",
    "connection": "a connection",
    "merge": "a merge of two records",
    "undo": "an undone sync",
    "user": "a person",
}


@dataclass(kw_only=True)
class Story:
    """Everything one transaction did to one record."""

    target: Target
    id: UUID
    origin: str
    first: Entry
    made: bool = False
    gone: bool = False
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    parts: set[str] = field(default_factory=set)

    def add(self, entry: Entry) -> None:
        if entry.part:
            self.parts.add(entry.part)
        elif entry.op == "insert":
            self.made, self.gone = not self.gone, False
        elif entry.op == "delete":
            self.made, self.gone = False, True
        else:
            self.before = {**(entry.before or {}), **self.before}
            self.after |= entry.after or {}

    @property
    def changed(self) -> list[str]:
        """Canonical fields. An amount whose currency changed has changed with it."""
        if self.made:
            return []
        columns = columns_of(self.target.name)
        found = {name for name, column in columns.items() if column in self.after}
        if "currency" in self.after:
            found |= {name for name, column in columns.items() if column == f"{name}_minor"}
        return sorted(found | self.parts)


def stories(entries: Iterable[Entry], wanted: Collection[str]) -> list[Story]:
    """One per transaction and record of the targets that are wanted, in the order of the feed."""
    found: dict[tuple[int, UUID], Story] = {}
    for entry in entries:
        if entry.target not in wanted or entry.op == "overruled":
            continue
        key = (entry.position.xid, entry.aggregate)
        if key not in found:
            target = targets.get(entry.target)
            found[key] = Story(target=target, id=entry.aggregate, origin=entry.origin, first=entry)
        found[key].add(entry)
    return list(found.values())


def as_they_are(told: Sequence[Story]) -> dict[tuple[str, UUID], tuple[int, dict[str, Any]]]:
    """(target, id) -> version and record, canonical as the API shows it. One query per table; what is gone is left out."""
    found: dict[tuple[str, UUID], tuple[int, dict[str, Any]]] = {}
    with database.cursor() as cursor:
        for target in {story.target.name: story.target for story in told}.values():
            ids = list({story.id for story in told if story.target.name == target.name})
            rows = table(target.model).found(cursor, ids)
            kin = {one.field: table(one.model).of_parents(cursor, one.parent, ids) for one in target.children}
            for key, row in rows.items():
                record = canonical_of(target, row, {name: by_id.get(key, []) for name, by_id in kin.items()})
                found[target.name, key] = (row["version"], to_jsonable_python(record))
    return found


def merged_into(told: Sequence[Story]) -> dict[tuple[str, UUID], UUID]:
    """(origin, kept record) -> the record that became one with it. An undone merge tells of no such thing."""
    ids = {origin.partition(":")[2] for origin in {story.origin for story in told} if origin.startswith("merge:")}
    merges = Merge.objects.filter(pk__in=ids).values_list("pk", "kept_id", "merged_id") if ids else []
    gone = {(story.origin, story.id) for story in told if story.gone}
    return {(f"merge:{pk}", kept): merged for pk, kept, merged in merges if (f"merge:{pk}", merged) in gone}


def who(told: Sequence[Story]) -> dict[str, str]:
    """Origin -> who that is, in words. A connection has a name, a person none."""
    origins = {story.origin for story in told}
    ids = {origin.partition(":")[2] for origin in origins if origin.startswith("connection:")}
    names = (
        {str(pk): f"“{name}”" for pk, name in Connection.objects.filter(pk__in=ids).values_list("pk", "name")}
        if ids
        else {}
    )
    return {one: names.get(one.partition(":")[2]) or _WHO.get(one.partition(":")[0], _WHO[""]) for one in origins}
