"""From the hub's inbox into the chapter: every delivery becomes its events there, and is gone here, in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection as database
from django.db import transaction
from uuid_utils.compat import uuid7

from integrations import encryption, registry
from integrations.hub.jobs import Work
from integrations.hub.models import InboxDelivery
from integrations.provider import Webhook

from . import events
from .events import Event, NotReadable
from .intake import aad
from .models import InboundEvent

BATCH = 200
NOT_ACTED_ON = "Nobody here acts on this topic."
State = InboundEvent.State
_payload: encryption.EncryptedField = InboundEvent._meta.get_field("payload")  # type: ignore[assignment]

# An event that only a digest names, and that was done, may mean something new when it is told again.
_PUT = """
INSERT INTO integrations_inboundevent
    (id, connection_id, key, topic, resource, record, state, payload, received_at, attempts, next_try_at, note)
SELECT DISTINCT ON (n.key) n.id, %(connection)s, n.key, n.topic, n.resource, n.record, n.state, n.payload, n.received_at, 0,
    statement_timestamp(), n.note
FROM unnest(%(id)s::uuid[], %(key)s::text[], %(topic)s::text[], %(resource)s::text[], %(record)s::text[], %(state)s::text[],
    %(payload)s::bytea[], %(received_at)s::timestamptz[], %(note)s::text[])
    AS n (id, key, topic, resource, record, state, payload, received_at, note)
ORDER BY n.key, n.received_at DESC
ON CONFLICT (connection_id, key) DO UPDATE SET
    state = excluded.state, next_try_at = excluded.next_try_at, received_at = excluded.received_at, attempts = 0, done_at = NULL
WHERE integrations_inboundevent.key LIKE '#%%' AND integrations_inboundevent.state IN ('done', 'failed')
    AND excluded.state = 'waiting'
"""


class Unread(NamedTuple):
    """A delivery that is not what was declared."""

    why: str
    body: bytes

    def as_event(self) -> Event:
        text = self.body.decode("utf-8", "replace").replace("\x00", "")
        digest = hashlib.blake2b(self.body, digest_size=20).hexdigest()
        return Event(key=f"#{digest}", topic="", resource="", record="", account="", payload=text)


def take(connection_id: UUID, slug: str, work: Work) -> int:
    """Take over what lies in the inbox for a connection of this chapter, some of it; returns how many deliveries."""
    with transaction.atomic():
        work.fence()
        waiting = InboxDelivery.objects.filter(chapter=work.chapter, connection_id=connection_id, verified=True)
        rows = list(waiting.select_for_update(skip_locked=True).order_by("id")[:BATCH])
        if rows:
            found = read(slug, rows)
            put(connection_id, [(row.received_at, found[row]) for row in rows])
            gone(rows)
    return len(rows)


def gone(rows: Iterable[InboxDelivery]) -> None:
    InboxDelivery.objects.filter(pk__in=[row.pk for row in rows]).delete()


def read(slug: str, rows: Sequence[InboxDelivery]) -> dict[InboxDelivery, list[Event] | Unread]:
    """The events of each, or why there are none to be read. They are all of one chapter, or all of the hub."""
    keys = _keys(rows)
    return {row: _read(registry.get(slug).webhook, row, keys) for row in rows}


def opened(row: InboxDelivery) -> bytes:
    """The body. CannotDecrypt where its key is gone, and with it the chapter's secrets."""
    return _opened(row, _keys([row]))


def put(connection_id: UUID, shares: Iterable[tuple[datetime, list[Event] | Unread]]) -> None:
    """Keep the events, each once, by one statement; a delivery that cannot be read is kept as one that failed. Inside the
    chapter."""
    rows = [kept for received_at, found in shares for kept in _kept(found, received_at)]
    if not rows:
        return
    events_, received, states, notes = zip(*rows, strict=True)
    pks = [uuid7() for _ in rows]
    with database.cursor() as cursor:
        cursor.execute(
            _PUT,
            {
                "connection": connection_id,
                "id": pks,
                "key": [one.key for one in events_],
                "topic": [one.topic for one in events_],
                "resource": [one.resource for one in events_],
                "record": [one.record for one in events_],
                "state": list(states),
                "payload": _payload.sealed({pk: one.payload for pk, one in zip(pks, events_, strict=True)}),
                "received_at": list(received),
                "note": list(notes),
            },
        )


def _kept(found: list[Event] | Unread, received_at: datetime) -> list[tuple[Event, datetime, str, str]]:
    if isinstance(found, Unread):
        return [(found.as_event(), received_at, State.FAILED, found.why)]
    return [
        (one, received_at, State.WAITING, "") if one.resource else (one, received_at, State.IGNORED, NOT_ACTED_ON)
        for one in found
    ]


def _read(webhook: Webhook | None, row: InboxDelivery, keys: Mapping[str, bytes]) -> list[Event] | Unread:
    body = b""
    if webhook is None:
        return Unread("This provider delivers nothing any more.", body)
    try:
        body = _opened(row, keys)
        return events.read(webhook, body, row.headers)
    except (NotReadable, encryption.CannotDecrypt) as error:
        return Unread(str(error), body)


def _keys(rows: Sequence[InboxDelivery]) -> Mapping[str, bytes]:
    """What opens them, read once for all of them."""
    chapter = rows[0].chapter_id
    return encryption.master_keys() if chapter is None else encryption.data_keys(chapter)


def _opened(row: InboxDelivery, keys: Mapping[str, bytes]) -> bytes:
    sealed = bytes(row.body)
    name = encryption.key_id(sealed)
    if name not in keys:
        raise encryption.CannotDecrypt(f"The key '{name}' it was sealed with is gone.")
    return encryption.unseal(sealed, keys[name], aad(row.pk, row.chapter_id))
