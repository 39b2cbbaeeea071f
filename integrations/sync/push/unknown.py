"""Writes of which nobody knows whether they arrived: looked for at the vendor before anything is sent again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from django.db.models import Exists, OuterRef
from django.utils import timezone

from integrations.http import Door
from integrations.sync.batch import Route
from integrations.sync.models import RecordLink

from . import calls, outbox, sides
from .calls import CREATE, Record
from .models import OutboundWrite


class Looked(NamedTuple):
    """`landed` did arrive, with the records as they are there. `again` did not, or the vendor will know their key: they are
    sent as they were. The others stay open, for a person."""

    landed: list[OutboundWrite]
    records: list[Record]
    again: list[OutboundWrite]


def left_open(route: Route) -> Iterator[list[OutboundWrite]]:
    """Writes that travelled together, together."""
    rows = outbox.of(route.connection, route.resource.name).filter(state__in=outbox.OPEN_ENDED)
    for _, together in groupby(rows.order_by("call", "pk"), key=lambda one: one.call):
        yield list(together)


def look(door: Door, route: Route, writes: list[OutboundWrite]) -> Looked:
    """Ask the vendor for each. Raises ProviderErrors."""
    looked = [(write, _found(door, route, write)) for write in writes]
    landed = [(write, found) for write, found in looked if isinstance(found, dict)]
    if len(landed) < len(writes) and _key_is_remembered(route, writes):
        return Looked([], [], writes)  # the whole call under its own key: what was done is not done again
    missing = [write for write, found in looked if found is False]
    if len(missing) < len(writes):
        for write in missing:
            write.call = ""  # another call than the one they were in, so another key
    return Looked([write for write, _ in landed], [found for _, found in landed], missing)


def linked_since(route: Route) -> list[OutboundWrite]:
    """Creations that nobody could look for, and that a read has found and linked."""
    links = RecordLink.objects.filter(
        connection=route.connection,
        resource=route.resource.name,
        record_id=OuterRef("record_id"),
        state=RecordLink.State.ACTIVE,
    )
    rows = outbox.of(route.connection, route.resource.name).filter(op=CREATE, state__in=outbox.OPEN_ENDED)
    return list(rows.filter(Exists(links)))


def _key_is_remembered(route: Route, writes: list[OutboundWrite]) -> bool:
    write = sides.writing(route)
    sent = min(one.sent_at or timezone.now() for one in writes)
    return bool(write.idempotency) and timezone.now() - sent < write.remembers


def _found(door: Door, route: Route, write: OutboundWrite) -> Record | bool | None:
    """The record that it made or changed; False where it did not; None where that cannot be found out."""
    return _made(door, route, write) if write.op == CREATE else _changed(door, route, write)


def _changed(door: Door, route: Route, write: OutboundWrite) -> Record | bool | None:
    """To change twice to the same is to change once: where the record cannot be asked for, it is sent again."""
    if route.resource.one is None:
        return False
    record = calls.one(door, route, write.external_id)
    if record is None:
        return False
    return record if _says(route, record, write) else False


def _says(route: Route, record: Record, write: OutboundWrite) -> bool:
    """Whether the record says what was sent, both read as any record is."""
    sent, theirs = route.mapping.inward(json.loads(write.body)).data, route.mapping.inward(record).data
    return all(theirs.get(name) == sent.get(name) for name in write.said or ())


def _made(door: Door, route: Route, write: OutboundWrite) -> Record | bool | None:
    candidates = calls.look_for(door, route, write)
    if candidates is None:
        return None
    keys = {route.mapping.inward(record).key: record for record in candidates}
    links = RecordLink.objects.filter(
        connection=route.connection, resource=route.resource.name, external_id__in=list(keys)
    )
    others = set(links.exclude(record_id=write.record_id).values_list("external_id", flat=True))
    free = [record for key, record in keys.items() if key and key not in others]
    return free[0] if len(free) == 1 else None if free else False
