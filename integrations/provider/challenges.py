"""How a vendor makes sure of an address before it delivers there, and what we answer.

A vendor that only looks at the status (Xero's intent to receive) needs no word: whatever is signed rightly gets 200 and an
empty body, everything else 401 and an empty body.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol
from urllib.parse import parse_qsl, urlsplit

from .signatures import Delivery, Secrets, as_bytes

MOST_LETTERS = 4096
TEXT, JSON = "text/plain; charset=utf-8", "application/json"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """Answered with 200."""

    body: bytes = b""
    content_type: str = TEXT


class Challenge(Protocol):
    @property
    def signed(self) -> bool:
        """Whether it is only answered when the signature is right."""
        ...

    def reply(self, delivery: Delivery, secrets: Secrets) -> Reply | None:
        """None where the delivery is none of these challenges. Never raises, whatever has arrived."""
        ...


@dataclass(frozen=True, kw_only=True)
class AnswersGet:
    """The vendor calls the address by GET, or HEAD, and wants 200 (Mailchimp)."""

    signed: ClassVar[bool] = False

    def reply(self, delivery: Delivery, secrets: Secrets) -> Reply | None:
        return Reply() if delivery.method in ("GET", "HEAD") else None


@dataclass(frozen=True, kw_only=True)
class EchoedParam:
    """A value of the address, sent back as plain text (Microsoft's `validationToken`)."""

    param: str = field(kw_only=False)
    signed: ClassVar[bool] = False

    def reply(self, delivery: Delivery, secrets: Secrets) -> Reply | None:
        given = _query(delivery).get(self.param)
        return _echo(given) if given else None


@dataclass(frozen=True, kw_only=True)
class VerifiedParam:
    """A value of the address, sent back when a token that we gave the vendor stands beside it (Meta's `hub.challenge`). The
    token is `verify_token(secret)`: it may be shown to a person, and tells nothing of the secret."""

    mode: tuple[str, str] = ("hub.mode", "subscribe")
    token: str = "hub.verify_token"  # noqa: S105 the name of a parameter
    echo: str = "hub.challenge"
    signed: ClassVar[bool] = False

    def reply(self, delivery: Delivery, secrets: Secrets) -> Reply | None:
        query = _query(delivery)
        if delivery.method != "GET" or query.get(self.mode[0]) != self.mode[1]:
            return None
        given = as_bytes(query.get(self.token, ""))
        right = any([hmac.compare_digest(verify_token(one).encode(), given) for one in secrets if one])
        return _echo(query.get(self.echo, "")) if right else None


@dataclass(frozen=True, kw_only=True)
class EchoedField:
    """A field of the signed body, sent back as plain text, when another one says that it is a challenge (Slack)."""

    echo: str = "challenge"
    when: tuple[str, str] = ("type", "url_verification")
    signed: ClassVar[bool] = True

    def reply(self, delivery: Delivery, secrets: Secrets) -> Reply | None:
        document = _document(delivery)
        given = document.get(self.echo)
        return _echo(given) if document.get(self.when[0]) == self.when[1] and isinstance(given, str) else None


@dataclass(frozen=True, kw_only=True)
class HashedField:
    """A token in the signed body, sent back together with its HMAC (Zoom)."""

    when: tuple[str, str] = ("event", "endpoint.url_validation")
    within: str = "payload"
    plain: str = "plainToken"
    hashed: str = "encryptedToken"
    signed: ClassVar[bool] = True

    def reply(self, delivery: Delivery, secrets: Secrets) -> Reply | None:
        document = _document(delivery)
        payload = document.get(self.within)
        given = payload.get(self.plain) if isinstance(payload, dict) else None
        known = next((one for one in secrets if one), None)
        if document.get(self.when[0]) != self.when[1] or not isinstance(given, str) or known is None:
            return None
        if len(given) > MOST_LETTERS:
            return None
        digest = hmac.new(known, as_bytes(given), hashlib.sha256).hexdigest()
        return Reply(body=json.dumps({self.plain: given, self.hashed: digest}).encode(), content_type=JSON)


def verify_token(secret: bytes) -> str:
    """What a person enters at the vendor beside the address."""
    return hmac.new(secret, b"verify token", hashlib.sha256).hexdigest()[:40]


def _echo(text: str) -> Reply | None:
    return Reply(body=as_bytes(text)) if 0 < len(text) <= MOST_LETTERS else None


def _query(delivery: Delivery) -> Mapping[str, str]:
    try:
        return dict(parse_qsl(urlsplit(delivery.url).query, keep_blank_values=True, max_num_fields=100))
    except ValueError:
        return {}


def _document(delivery: Delivery) -> Mapping[str, Any]:
    try:
        found = json.loads(delivery.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
