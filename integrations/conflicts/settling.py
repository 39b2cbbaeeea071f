"""What a decision writes: our rows and the bases of the links, a fixed number of statements per target."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection as database
from psycopg.types.json import Jsonb

from integrations import targets
from integrations.changes import overruled
from integrations.connections.models import Connection
from integrations.mapping.compile import Reason
from integrations.sync import positions
from integrations.sync.batch import Effect
from integrations.sync.copy import table
from integrations.sync.intake import Incoming, validated
from integrations.sync.models import RecordLink
from integrations.sync.rebuild import columns_of
from integrations.sync.write import replace_children
from integrations.targets import Target

from .models import Conflict
from .ours import Name, Ours, Put, load, part_of, with_parts

_BASES = """
UPDATE integrations_recordlink l SET base = n.base FROM unnest(%s::uuid[], %s::jsonb[]) AS n (id, base) WHERE l.id = n.id
"""


def hold(conflicts: Iterable[Conflict]) -> None:
    """No batch of a sync is written meanwhile, and no record sent: the resources' states are locked, always in one order."""
    for connection, resource in sorted({(one.connection_id, one.resource) for one in conflicts}):
        positions.state_of(Connection(pk=connection), resource)


@dataclass
class Settling:
    """The conflicts of one target on their way, with both sides locked. `written` are our records that change."""

    target: Target
    ours: dict[UUID, Ours]
    links: dict[UUID, RecordLink]
    now: datetime
    written: dict[UUID, Put] = field(default_factory=dict)
    touched: set[UUID] = field(default_factory=set)
    overruled: list[overruled.Overruled] = field(default_factory=list)

    @classmethod
    def of(cls, target: str, conflicts: Sequence[Conflict], now: datetime) -> Settling:
        """Call it inside a transaction, after `hold`."""
        found = targets.get(target)
        rows = RecordLink.objects.select_for_update().filter(pk__in={one.link_id for one in conflicts}).order_by("pk")
        links = {link.pk: link for link in rows}
        for one in conflicts:  # the link may lead to another record since two were merged
            one.record_id = links[one.link_id].record_id if one.link_id in links else one.record_id
        return cls(found, load(found, {one.record_id for one in conflicts}, lock=True), links, now)

    def is_over(self, conflict: Conflict) -> str:
        """Why there is nothing to decide any more, or an empty text."""
        link = self.links.get(conflict.link_id)
        if conflict.record_id not in self.ours:
            return "our record was deleted"
        if link is None or link.state == RecordLink.State.UNLINKED:
            return "the two records are no longer linked"
        if conflict.field not in self.target.canonical.model_fields:
            return "there is no such field any more"
        return ""

    def write_ours(self, record_id: UUID, values: dict[Name, Any]) -> list[Reason]:
        """Put values into our record; the reasons why it cannot be, and then nothing is."""
        put, reasons = self.ours[record_id].with_values(values)
        if not reasons and put:
            before = self.written.setdefault(record_id, Put())
            before.columns |= put.columns
            before.children += put.children
        return reasons

    def agree(self, conflict: Conflict) -> None:
        """From now on the base is their value, so that ours is sent where it differs."""
        link = self.links[conflict.link_id]
        link.base = with_parts(self.target, link.base, {name_of(conflict): conflict.theirs})
        self.touched.add(link.pk)

    def disagree(self, conflict: Conflict) -> None:
        """The base is again what both last agreed on, where that makes a record."""
        link = self.links[conflict.link_id]
        base = with_parts(self.target, link.base, {name_of(conflict): conflict.base})
        conflict.agreed = conflict.agreed and validated(self.target, base)[0] is not None
        if conflict.agreed:
            link.base = base
            self.touched.add(link.pk)

    def base_is(self, conflict: Conflict, value: Any) -> bool:
        return bool(part_of(self.target, self.links[conflict.link_id].base, name_of(conflict)) == value)

    def overrule(self, conflict: Conflict) -> None:
        column = columns_of(self.target.name).get(conflict.field, conflict.field)
        told = ({column: conflict.theirs}, {column: conflict.ours})
        self.overruled.append(overruled.Overruled(conflict.record_id, *told))

    def save(self) -> None:
        self._mend_bases()
        links = [self.links[pk] for pk in self.touched]
        rows = [
            {**self.ours[pk].row, **put.columns, "version": self.ours[pk].row["version"] + 1, "updated_at": self.now}
            for pk, put in self.written.items()
        ]
        with database.cursor() as cursor:
            table(self.target.model).upsert(cursor, rows)
            effects = [_effect(pk, put) for pk, put in self.written.items() if put.children]
            for child in self.target.children if effects else ():
                replace_children(cursor, child, effects)
            if links:
                cursor.execute(_BASES, [[link.pk for link in links], [Jsonb(link.base) for link in links]])
        overruled.tell(self.target.name, self.overruled)

    def _mend_bases(self) -> None:
        """A base that is half old and half theirs may be no valid record. Theirs is one as a whole: it takes the place of what
        is still open, which then has no base."""
        broken = [pk for pk in self.touched if validated(self.target, self.links[pk].base)[0] is None]
        if not broken:
            return
        still = Conflict.objects.filter(link__in=broken, state=Conflict.State.OPEN)
        for other in still:
            self.agree(other)
        still.update(agreed=False, base=None)


def name_of(conflict: Conflict) -> Name:
    return conflict.field, conflict.part


def _effect(record_id: UUID, put: Put) -> Effect:
    nothing = Incoming("", {}, [], {}, "", None)
    return Effect(incoming=nothing, record_id=record_id, link_id="", base=b"", children=put.children)
