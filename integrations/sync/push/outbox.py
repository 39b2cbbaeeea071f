"""The outbox: which writes there are of a resource, and in what state."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db.backends.utils import CursorWrapper
from django.db.models import Max, QuerySet
from django.utils import timezone
from uuid_utils.compat import uuid7

from integrations import hub
from integrations.connections.models import Connection
from integrations.sync.columns import array_of_texts

from .models import OutboundWrite

Op, State = OutboundWrite.Op, OutboundWrite.State
# Their outcome is not known: they are looked into before anything else is sent.
OPEN_ENDED = (State.SENDING, State.UNKNOWN)

# What was refused, or waits, and changed again is wished anew. What is under way, or may have arrived, is left alone: when its
# outcome is known, the record is compared once more.
_WISH = """
INSERT INTO integrations_outboundwrite
    (id, connection_id, resource, record_id, external_id, op, version, ours_hash, key, call, body, body_hash, state, alone,
     attempts, answer, created_at)
SELECT n.id, %(connection)s, %(resource)s, n.record, n.key, n.op, 0, '', '', '', '', '', 'ready', false, 0, '', %(now)s
FROM unnest(%(ids)s::uuid[], %(records)s::uuid[], %(keys)s::text[], %(ops)s::text[]) AS n (id, record, key, op)
ON CONFLICT (connection_id, resource, record_id, external_id) WHERE NOT state = 'done' DO UPDATE
SET state = 'ready', body = '', said = NULL, call = '', answer = '', alone = false
WHERE integrations_outboundwrite.state IN ('refused', 'waiting')
"""


class Wish(NamedTuple):
    """A record that is to be sent. `external_id` is "" where it is to be created."""

    record_id: UUID
    external_id: str = ""


def of(connection: Connection, resource: str) -> QuerySet[OutboundWrite]:
    return OutboundWrite.objects.filter(connection=connection, resource=resource)


def wish(cursor: CursorWrapper, connection: Connection, resource: str, wishes: Sequence[Wish]) -> None:
    """Have these records sent. One that is wished for already is not doubled."""
    if not wishes:
        return
    cursor.execute(
        _WISH,
        {
            "connection": connection.pk,
            "resource": resource,
            "now": timezone.now(),
            "ids": [uuid7() for _ in wishes],
            "records": [one.record_id for one in wishes],
            "keys": array_of_texts([one.external_id for one in wishes]),
            "ops": array_of_texts([str(Op.UPDATE if one.external_id else Op.CREATE) for one in wishes]),
        },
    )


def following(connection: Connection, resource: str, *, creates: int, updates: int) -> list[OutboundWrite]:
    """What goes into the next call: what stands first, and so many more of its kind. A call that was turned away whole goes
    again as it was."""
    ready = of(connection, resource).filter(state=State.READY).order_by("pk")
    first = ready.first()
    if first is None or first.alone:
        return [first] if first else []
    if first.call:
        return list(ready.filter(call=first.call))
    size = creates if first.op == Op.CREATE else updates
    return list(ready.filter(op=first.op, alone=False, call="")[:size])


def versions(connection: Connection, resource: str, records: Collection[UUID]) -> dict[tuple[UUID, str], int]:
    """The newest version that each record was ever sent in, by operation."""
    known = of(connection, resource).filter(record_id__in=records).order_by().values("record_id", "op")
    return {(row["record_id"], row["op"]): row["newest"] for row in known.annotate(newest=Max("version"))}


def key_of(write: OutboundWrite) -> str:
    """By what the vendor knows this change again: the same for every attempt, another for every change. At most 128
    characters."""
    chapter = hub.inside().pk
    where = digest(f"{chapter}|{write.connection_id}|{write.resource}|{write.external_id}")
    return f"ch-{where}-{write.record_id.hex}-{write.op}-{write.version}-{write.body_hash[:8]}"


def key_of_call(writes: Sequence[OutboundWrite]) -> str:
    """The key of a request: its only member's, or one made of all."""
    return writes[0].key if len(writes) == 1 else f"ch-{digest('|'.join(one.key for one in writes))}-{len(writes)}"


def written_down(body: dict[str, Any]) -> str:
    """The body as it is stored and sent, every digit and the order of its fields kept."""
    return json.dumps(body, ensure_ascii=False, allow_nan=False)


def pin(write: OutboundWrite, version: int, body: dict[str, Any], said: dict[str, Any]) -> None:
    """Decide what is sent; it is not decided again until the outcome is known."""
    write.version, write.body, write.said = version, written_down(body), said
    write.body_hash = digest(write.body)
    write.key = key_of(write)


def close(writes: Iterable[OutboundWrite], state: str, answers: Sequence[str]) -> None:
    """The outcome is known: what was sent is forgotten, its hash kept. One statement."""
    now, closed = timezone.now(), list(writes)
    for write, answer in zip(closed, answers, strict=True):
        write.state, write.answer, write.finished_at = state, answer, now
        write.body, write.said, write.call = "", None, ""
    OutboundWrite.objects.bulk_update(closed, ["state", "answer", "finished_at", "body", "said", "call"])


def digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()
