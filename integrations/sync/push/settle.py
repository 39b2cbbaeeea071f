"""What came of a call, written down: outbox, link, base and what the vendor answered, in the caller's one transaction."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection as database
from django.utils import timezone
from pydantic_core import to_jsonable_python

from integrations.sync.apply import apply
from integrations.sync.batch import Route
from integrations.sync.intake import validated
from integrations.sync.models import RecordLink, SyncRun

from . import outbox, sides, stage
from .calls import CREATE, Outcome, Record, Taken
from .models import OutboundWrite

Data = dict[str, Any]


class Settled(NamedTuple):
    sent: int
    refused: int


class Landed(NamedTuple):
    """A write that the vendor carried out, with the record as it answered it."""

    write: OutboundWrite
    record: Record | None
    key: str


def settle(route: Route, run: SyncRun, writes: Sequence[OutboundWrite], outcomes: Sequence[Outcome]) -> Settled:
    """Call it in a transaction, with the resource's state locked and the origin said."""
    landed, refused = _sorted(route, writes, outcomes)
    ids = [one.write.record_id for one in landed]
    with database.cursor() as cursor:
        before = sides.ours(cursor, route.target, ids)
    _link(route, [one for one in landed if one.write.op == CREATE])
    _agree(route, landed, before)
    for parent, records in _by_parent(route, landed).items():
        apply(dataclasses.replace(route, parent=parent), records, timezone.now(), run_id=run.pk)
    outbox.close([one.write for one in landed], outbox.State.DONE, ["Sent." for _ in landed])
    outbox.close(list(refused), outbox.State.REFUSED, list(refused.values()))
    again = [one.write.record_id for one in landed if _changed_meanwhile(route, one.write, before)]
    with database.cursor() as cursor:
        stage.compare(cursor, route, again, creates=False)
    return Settled(sent=len(landed), refused=len(refused))


def fingerprint(said: Mapping[str, Any]) -> str:
    """Of our record, to see whether it was changed while it was on its way."""
    return outbox.digest(outbox.written_down(dict(sorted(said.items()))))


def _sorted(
    route: Route, writes: Sequence[OutboundWrite], outcomes: Sequence[Outcome]
) -> tuple[list[Landed], dict[OutboundWrite, str]]:
    landed: dict[str, Landed] = {}
    refused: dict[OutboundWrite, str] = {}
    for write, outcome in zip(writes, outcomes, strict=True):
        if not isinstance(outcome, Taken):
            refused[write] = outcome.reason
            continue
        key = write.external_id or (route.mapping.inward(outcome.record).key if outcome.record else "")
        if not key or key in landed:
            refused[write] = "The vendor answered without an id of its own for this record. Look there."
        else:
            landed[key] = Landed(write, outcome.record, key)
    for key in _of_another(route, [one for one in landed.values() if one.write.op == CREATE]):
        refused[landed.pop(key).write] = "The vendor answered with a record that is linked to another one here."
    return list(landed.values()), refused


def _of_another(route: Route, made: Sequence[Landed]) -> set[str]:
    """Keys of made records that stand for something else here already."""
    keys = {one.key: one.write.record_id for one in made}
    links = RecordLink.objects.filter(
        connection=route.connection, resource=route.resource.name, external_id__in=list(keys)
    )
    return {key for key, record_id in links.values_list("external_id", "record_id") if keys[key] != record_id}


def _link(route: Route, made: Sequence[Landed]) -> None:
    """What was created there is ours from now on: by what was sent, not by likeness. A read may have found it before us."""
    now = timezone.now()
    keys = [one.key for one in made]
    links = RecordLink.objects.filter(connection=route.connection, resource=route.resource.name, external_id__in=keys)
    known = set(links.values_list("external_id", flat=True))
    RecordLink.objects.bulk_create(
        [
            RecordLink(
                connection=route.connection,
                resource=route.resource.name,
                external_id=one.key,
                target=route.target.name,
                record_id=one.write.record_id,
                base=one.write.said,
                match=RecordLink.Match.PUSHED,
                first_seen=now,
                last_changed=now,
            )
            for one in made
            if one.key not in known
        ]
    )


def _agree(route: Route, landed: Sequence[Landed], mine: Mapping[UUID, sides.Mine]) -> None:
    """What was sent is what both sides say now. A field that somebody changed here while it was on its way is agreed on as
    the vendor took it, so that the newer value differs and is sent as well."""
    keys = {one.key: one for one in landed}
    links = RecordLink.objects.select_for_update(no_key=True).filter(
        connection=route.connection, resource=route.resource.name, external_id__in=list(keys)
    )
    found = list(links)
    for link in found:
        one = keys[link.external_id]
        said = dict(one.write.said or {})
        answered = _answered(route, link.base, one, _edited(route, link, said, mine.get(one.write.record_id)))
        link.base = {name: value for name, value in {**link.base, **said, **answered}.items() if value is not None}
    RecordLink.objects.bulk_update(found, ["base"])


def _edited(route: Route, link: RecordLink, said: Data, mine: sides.Mine | None) -> set[str]:
    if mine is None:
        return set()
    try:
        now = sides.spoken(route.target, mine, link.base)
    except sides.Unsendable:
        return set(said)
    return {name for name, value in said.items() if now.get(name) != value}


def _answered(route: Route, base: Data, one: Landed, names: Collection[str]) -> Data:
    """Their spelling of these fields, where they answered with one that is valid."""
    if not names or one.record is None:
        return {}
    data = route.mapping.inward(one.record).data
    theirs = {name: data[name] for name in names if data.get(name) is not None and name not in route.mapping.refs}
    record, _ = validated(route.target, {**base, **(one.write.said or {}), **theirs})
    return {name: to_jsonable_python(getattr(record, name)) for name in theirs} if record else {}


def _changed_meanwhile(route: Route, write: OutboundWrite, before: Mapping[UUID, sides.Mine]) -> bool:
    mine = before.get(write.record_id)
    return mine is not None and whole(route, mine) != write.ours_hash


def whole(route: Route, mine: sides.Mine) -> str:
    """The fingerprint of all that our record says; of one that is not valid, none."""
    try:
        return fingerprint(sides.spoken(route.target, mine, None))
    except sides.Unsendable:
        return ""


def _by_parent(route: Route, landed: Sequence[Landed]) -> dict[str | None, list[Record]]:
    found: dict[str | None, list[Record]] = {}
    for one in landed:
        if one.record is not None:
            parent = one.key.partition("/")[0] if route.resource.within else None
            found.setdefault(parent, []).append(one.record)
    return found
