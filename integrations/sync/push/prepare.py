"""What is sent of each record, decided just before it leaves: by then everything there has been read."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from integrations.sync import refs
from integrations.sync.batch import Route
from integrations.sync.conflicts import open_fields
from integrations.sync.models import RecordLink, SyncRun
from integrations.sync.words import Words

from . import outbox, settle, sides
from .calls import CREATE, addressed
from .models import OutboundWrite
from .outbox import State

Data = dict[str, Any]
Keys = Mapping[str, Mapping[UUID, str]]


class Unknown(Exception):
    """It refers to a record that the vendor does not know yet."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Known:
    """All that is known of the records of a call: ours; by external id the links' bases, and fields that wait for a person's
    decision; keys of what they refer to."""

    mine: Mapping[UUID, sides.Mine]
    bases: Mapping[str, Data]
    linked: Collection[UUID]
    keys: Keys
    disputed: Mapping[str, Collection[str]]


def pin(route: Route, run: SyncRun, chosen: Sequence[OutboundWrite], words: Words) -> list[OutboundWrite]:
    """Those of the chosen that are to be sent, with what is sent, now `sending`; the others are settled. Call it in a
    transaction with the resource's state locked, and commit it before anything leaves."""
    with database.cursor() as cursor:
        known = _known(cursor, route, chosen)
    versions = outbox.versions(route.connection, route.resource.name, [one.record_id for one in chosen])
    pinned: list[OutboundWrite] = []
    for write in chosen:
        try:
            sent = _sent(route, write, known)
        except Unknown as reason:
            write.state, write.answer = State.WAITING, str(reason).replace("{vendor}", words.provider)
            continue
        except sides.Unsendable as reason:
            write.state, write.answer, write.finished_at = State.REFUSED, str(reason), timezone.now()
            continue
        if sent is None:
            write.state, write.answer, write.finished_at = State.DONE, "Nothing was left to send.", timezone.now()
            continue
        version = versions.get((write.record_id, write.op), 0) + 1
        versions[write.record_id, write.op] = version
        outbox.pin(write, version, *sent)
        write.ours_hash = settle.whole(route, known.mine[write.record_id])
        pinned.append(write)
    mark_sending(run, pinned)
    _save([one for one in chosen if one.state != State.SENDING])
    return pinned


def mark_sending(run: SyncRun, writes: Sequence[OutboundWrite]) -> None:
    """From here on they may have arrived."""
    if not writes:
        return
    now, call = timezone.now(), writes[0].call or outbox.key_of_call(writes)
    for write in writes:
        write.state, write.call, write.run, write.answer = State.SENDING, call, run, ""
        write.attempts, write.sent_at = write.attempts + 1, now
    decided = ("version", "body", "said", "body_hash", "key", "ours_hash")
    OutboundWrite.objects.bulk_update(writes, [*decided, "state", "call", "run", "answer", "attempts", "sent_at"])


def _known(cursor: CursorWrapper, route: Route, chosen: Sequence[OutboundWrite]) -> Known:
    ids = [one.record_id for one in chosen]
    links = RecordLink.objects.filter(connection=route.connection, resource=route.resource.name, record_id__in=ids)
    found = list(links.defer("refs"))
    disputed = open_fields([link.pk for link in found])
    mine = sides.ours(cursor, route.target, ids)
    keys: dict[str, Mapping[UUID, str]] = {}
    for name, resource in route.mapping.refs.items():
        wanted = {one.row.get(f"{name}_id") for one in mine.values()} - {None}
        keys[name] = refs.keys_of(cursor, route, wanted, resource) if wanted else {}
    return Known(
        mine=mine,
        bases={link.external_id: link.base for link in found if link.state == RecordLink.State.ACTIVE},
        linked={link.record_id for link in found},
        keys=keys,
        disputed={link.external_id: disputed.get(link.pk, ()) for link in found},
    )


def _sent(route: Route, write: OutboundWrite, known: Known) -> tuple[Data, Data] | None:
    """The vendor's body and the same in canonical words; None where nothing is left to send. Raises Unknown, Unsendable."""
    mine = known.mine.get(write.record_id)
    base = known.bases.get(write.external_id)
    if mine is None or (base is None and write.op != CREATE):
        return None
    spoken = sides.spoken(route.target, mine, None if write.op == CREATE else base)
    if write.op == CREATE or base is None:
        # A read has linked it meanwhile: what differs was wished for then.
        said = {} if write.record_id in known.linked else spoken
    else:
        disputed = known.disputed.get(write.external_id, ())
        said = sides.changes(route, spoken, sides.agreed(route.target, base), but_not=disputed)
    if not said:
        return None
    keyed = _with_keys(route, said, known.keys)
    beside = {name: value for name, value in spoken.items() if name not in route.mapping.refs}
    return addressed(route, write, sides.body_of(route, {**beside, **keyed}, keyed)), said


def _with_keys(route: Route, said: Data, keys: Keys) -> Data:
    """Our ids of other records -> their keys."""
    found = dict(said)
    for name in route.mapping.refs:
        if said.get(name) is None:
            continue
        key = keys[name].get(UUID(str(said[name])))
        if key is None:
            raise Unknown(f"{{vendor}} does not know its {name} yet: it is sent when that is synced or created there.")
        found[name] = key
    return found


def _save(settled: Sequence[OutboundWrite]) -> None:
    """What was wished for and never sent leaves no trace; what was, keeps its number."""
    never = [one.pk for one in settled if one.state == State.DONE and not one.version]
    OutboundWrite.objects.filter(pk__in=never).delete()
    OutboundWrite.objects.bulk_update(
        [one for one in settled if one.pk not in set(never)], ["state", "answer", "finished_at"]
    )
