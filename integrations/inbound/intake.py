"""A delivery verified and kept: two statements and no chapter entered.

Whether provider, chapter, account or signature are wrong, the work and the answer are the same: what is unknown is compared
with a secret nobody has.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection
from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from integrations import encryption, registry
from integrations.hub import webhook_secrets
from integrations.hub.models import AccountRoute, Chapter, ProviderApp
from integrations.provider import Delivery, FetchesKey, Hmac, Webhook
from integrations.provider.challenges import Reply

NOBODY = (os.urandom(32).hex().encode(),)
# Kept with every delivery, beside those that the declaration names.
_TOLD = ("content-type", "user-agent")

_OF_A_CHAPTER = """
SELECT r.id, r.connection_id, c.id, c.data_key, r.webhook_secrets
FROM public.hub_chapter c JOIN public.hub_accountroute r ON r.chapter_id = c.id AND r.provider = %s
WHERE c.slug = %s AND c.status = %s ORDER BY r.id
"""
_OF_THE_HUB = """
SELECT a.id, NULL::uuid, NULL::uuid, NULL::bytea, a.webhook_secrets
FROM public.hub_providerapp a WHERE a.provider = %s AND a.chapter_id IS NULL ORDER BY a.id
"""
_KEEP = """
INSERT INTO public.hub_inboxdelivery (id, provider, chapter_id, connection_id, app_id, headers, body, digest, verified)
VALUES (%(id)s, %(provider)s, %(chapter)s, %(connection)s, %(app)s, %(headers)s, %(body)s, %(digest)s, %(verified)s)
ON CONFLICT (digest) DO NOTHING
"""


class Answer(NamedTuple):
    """What the vendor is told."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


class Kept(NamedTuple):
    """Whose delivery it was: `chapter` and `connection` None where it is for all chapters."""

    provider: str
    chapter: UUID | None
    connection: UUID | None


TAKEN, REFUSED = Answer(200), Answer(401)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A connection, or an app of the hub, that the delivery may be for."""

    id: UUID
    connection: UUID | None
    chapter: UUID | None
    data_key: bytes
    secrets: tuple[bytes, ...]


def receive(slug: str, chapter: str | None, delivery: Delivery) -> tuple[Answer, Kept | None]:
    """Never raises over what has arrived; only the database's errors pass."""
    now = time.time()
    webhook = _declared(slug)
    candidates = _candidates(slug, chapter, now)
    if webhook is None or (chapter is None and not webhook.app_level):
        candidates = []
    right = _whose(webhook or _UNKNOWN, candidates, delivery, now)
    reply = _challenge(webhook, candidates, right, delivery)
    if reply is not None:
        return Answer(200, reply.body, reply.content_type), None
    if webhook is None or right is None or delivery.method != "POST":
        return REFUSED, None
    return TAKEN, _keep(slug, webhook, right, delivery)


def _declared(slug: str) -> Webhook | None:
    provider = registry.all_providers().get(slug)
    return provider.webhook if provider else None


_UNKNOWN = Webhook(verify=Hmac("x-signature"), topics={})


def _candidates(slug: str, chapter: str | None, now: float) -> list[_Candidate]:
    with connection.cursor() as cursor:
        if chapter is None:
            cursor.execute(_OF_THE_HUB, [slug])
        else:
            cursor.execute(_OF_A_CHAPTER, [slug, chapter, Chapter.Status.ACTIVE])
        rows = cursor.fetchall()
    field = _field(ProviderApp if chapter is None else AccountRoute)
    return [
        _Candidate(row[0], row[1], row[2], bytes(row[3] or b""), _opened(field, row[0], row[4], now)) for row in rows
    ]


@cache
def _field(model: Any) -> encryption.EncryptedField:
    return model._meta.get_field("webhook_secrets")  # type: ignore[no-any-return]


def _opened(field: encryption.EncryptedField, pk: UUID, sealed: Any, now: float) -> tuple[bytes, ...]:
    """Closed where a secret cannot be opened: a delivery that is refused comes again."""
    if sealed is None:
        return ()
    try:
        return webhook_secrets.valid(webhook_secrets.stored(field.open(pk, bytes(sealed)).decode()), now)
    except encryption.CannotDecrypt:
        return ()


def _whose(webhook: Webhook, candidates: list[_Candidate], delivery: Delivery, now: float) -> _Candidate | None:
    """The candidate whose secret the delivery is signed with; every one is compared, and one that nobody has."""
    verify = webhook.verify
    if isinstance(verify, FetchesKey):
        able = [one for one in candidates if one.secrets] if verify.key_address(delivery) else []
        return able[0] if len(able) == 1 else None
    right = [one for one in candidates if verify.verify(delivery, one.secrets, now)]
    if not candidates:
        verify.verify(delivery, NOBODY, now)
    return right[0] if right else None


def _challenge(
    webhook: Webhook | None, candidates: Iterable[_Candidate], right: _Candidate | None, delivery: Delivery
) -> Reply | None:
    challenge = webhook.challenge if webhook else None
    if challenge is None or (challenge.signed and right is None):
        return None
    known = tuple(secret for one in ([right] if right else candidates) for secret in one.secrets)
    return challenge.reply(delivery, known)


def _keep(slug: str, webhook: Webhook, whose: _Candidate, delivery: Delivery) -> Kept:
    pk, headers = uuid7(), _kept_headers(webhook, delivery.headers)
    with connection.cursor() as cursor:
        cursor.execute(
            _KEEP,
            {
                "id": pk,
                "provider": slug,
                "chapter": whose.chapter,
                "connection": whose.connection,
                "app": whose.id if whose.chapter is None else None,
                "headers": Jsonb(headers, dumps=orjson.dumps),
                "body": _sealed(pk, whose, delivery.body),
                "digest": _digest(slug, whose, headers, delivery.body),
                "verified": not isinstance(webhook.verify, FetchesKey),
            },
        )
    return Kept(slug, whose.chapter, whose.connection)


def _kept_headers(webhook: Webhook, headers: Mapping[str, str]) -> dict[str, str]:
    found = {name: headers[name] for name in (*_TOLD, *webhook.headers) if name in headers}
    return {name: value.encode("utf-8", "replace").decode().replace("\x00", "")[:4000] for name, value in found.items()}


def aad(pk: UUID, chapter: UUID | None) -> str:
    return f"{chapter or encryption.HUB}|hub.inboxdelivery|body|{pk}"


def _sealed(pk: UUID, whose: _Candidate, body: bytes) -> bytes:
    if whose.chapter is None:
        return encryption.seal_with_master(body, aad(pk, None))
    keys = encryption.unwrap(whose.chapter, whose.data_key) or encryption.data_keys(whose.chapter)
    name, key = next(iter(keys.items()))
    return encryption.seal(body, key, name, aad(pk, whose.chapter))


def _digest(slug: str, whose: _Candidate, headers: Mapping[str, str], body: bytes) -> bytes:
    told = {name: value for name, value in headers.items() if name not in _TOLD}
    start = orjson.dumps([slug, whose.id.bytes.hex(), told], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(start + b"\n" + body, digest_size=32, key=settings.SECRET_KEY.encode()[:64]).digest()
