"""What one batch knows: whose records they are and where they go. And what came of them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils import uuid7

from integrations import targets
from integrations.connections.models import Connection
from integrations.mapping.compile import CompiledMapping, compile_mapping
from integrations.mapping.overrides import overrides_of
from integrations.provider import Resource
from integrations.targets import Children, Target

from .intake import Incoming
from .models import RecordLink, SyncRun

Id = UUID | str


def new_id() -> str:
    """An id for a row that is about to be written by COPY, where it is text."""
    return str(uuid7())


@dataclass(frozen=True, kw_only=True)
class Route:
    """From one resource of one connection into one target. `parent` is set while one parent's list is read."""

    connection: Connection
    resource: Resource
    target: Target
    mapping: CompiledMapping
    parent: str | None = None

    @classmethod
    def of(cls, connection: Connection, resource: Resource) -> Route:
        """The route as the connection's mapping stands now. Raises MappingError."""
        mapping = compile_mapping(resource, overrides_of(connection, resource.name))
        return cls(connection=connection, resource=resource, target=targets.get(resource.target), mapping=mapping)


@dataclass(kw_only=True)
class Counts:
    """Every record taken in is counted once, in one of these; `conflicts` are fields, counted beside them."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    quarantined: int = 0
    held: int = 0
    conflicts: int = 0

    def add(self, other: Counts) -> None:
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    @property
    def total(self) -> int:
        return sum(getattr(self, one.name) for one in fields(self)) - self.conflicts

    @classmethod
    def of(cls, run: SyncRun) -> Counts:
        return cls(**{one.name: getattr(run, one.name) for one in fields(cls)})

    def put_on(self, run: SyncRun) -> None:
        for one in fields(self):
            setattr(run, one.name, getattr(self, one.name))
        run.fetched = self.total


@dataclass(slots=True, kw_only=True)
class Conflicting:
    """A field that waits for a person: canonical JSON values of the three sides. `agreed` False: there is no base."""

    field: str
    part: str
    base: Any
    ours: Any
    theirs: Any
    theirs_at: datetime
    agreed: bool


@dataclass(slots=True, kw_only=True)
class Effect:
    """What a record does here. `row` None: nothing but its link; `old_row`: there was one. `children`: those whose rows
    change, with the rows there were and the rows there will be. `base`: canonical JSON of what both sides now agree on, and
    in the fields of `conflicts` of what they last agreed on. `overruled`: their values that lost against ours, and ours."""

    incoming: Incoming
    record_id: Id
    link_id: Id
    base: bytes
    row: dict[str, Any] | None = None
    fresh: bool = False
    children: list[tuple[Children, list[dict[str, Any]], list[dict[str, Any]]]] = field(default_factory=list)
    match: str = RecordLink.Match.CREATED
    linked: bool = False
    first_seen: datetime | None = None
    deleted: bool = False
    conflicts: list[Conflicting] = field(default_factory=list)
    overruled: tuple[dict[str, Any], dict[str, Any]] | None = None

    @property
    def writes(self) -> bool:
        return self.row is not None or bool(self.children)
