"""From the hub's inbox into the chapter: every delivery becomes its events there, and is gone here, in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection as database
from django.db import transaction
from uuid_utils.compat import uuid7

from integrations import encryption, registry
from integrations.hub.jobs import Work
from integrations.hub.models import InboxDelivery

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
        rows = locked(InboxDelivery.objects.filter(chapter=work.chapter, connection_id=connection_id, verified=True))
        for row in rows:
            put(connection_id, read(slug, row), row.received_at)
        gone(rows)
    return len(rows)


def locked(rows: Any) -> list[InboxDelivery]:
    return list(rows.select_for_update(skip_locked=True).order_by("id")[:BATCH])


def gone(rows: Iterable[InboxDelivery]) -> None:
    InboxDelivery.objects.filter(pk__in=[row.pk for row in rows]).delete()


def opened(row: InboxDelivery) -> bytes:
    """The body. CannotDecrypt where its key is gone, and with it the chapter's secrets."""
    sealed = bytes(row.body)
    if row.chapter_id is None:
        return encryption.unseal(sealed, encryption.master_key_for(sealed), aad(row.pk, None))
    keys, name = encryption.data_keys(row.chapter_id), encryption.key_id(sealed)
    if name not in keys:
        raise encryption.CannotDecrypt(f"Data key '{name}' is not one of this chapter's.")
    return encryption.unseal(sealed, keys[name], aad(row.pk, row.chapter_id))


def read(slug: str, row: InboxDelivery) -> list[Event] | Unread:
    """Its events, or why there are none to be read."""
    webhook, body = registry.get(slug).webhook, b""
    if webhook is None:
        return Unread("This provider delivers nothing any more.", body)
    try:
        body = opened(row)
        return events.read(webhook, body, row.headers)
    except (NotReadable, encryption.CannotDecrypt) as error:
        return Unread(str(error), body)


def put(connection_id: UUID, found: list[Event] | Unread, received_at: datetime) -> None:
    """Keep the events, each once; a delivery that cannot be read is kept as one that failed. Inside the chapter."""
    if isinstance(found, Unread):
        _write(connection_id, [found.as_event()], received_at, State.FAILED, found.why)
        return
    _write(connection_id, [one for one in found if one.resource], received_at, State.WAITING, "")
    _write(connection_id, [one for one in found if not one.resource], received_at, State.IGNORED, NOT_ACTED_ON)


def _write(connection_id: UUID, several: Collection[Event], received_at: datetime, state: str, note: str) -> None:
    if not several:
        return
    ids = [uuid7() for _ in several]
    with database.cursor() as cursor:
        cursor.execute(
            _PUT,
            {
                "connection": connection_id,
                "id": ids,
                "key": [one.key for one in several],
                "topic": [one.topic for one in several],
                "resource": [one.resource for one in several],
                "record": [one.record for one in several],
                "state": [state] * len(ids),
                "payload": _payload.sealed({pk: one.payload for pk, one in zip(ids, several, strict=True)}),
                "received_at": [received_at] * len(ids),
                "note": [note] * len(ids),
            },
        )
