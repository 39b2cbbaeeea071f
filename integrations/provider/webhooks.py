"""What a vendor delivers to us, and how we know it is the vendor.

Verification is over the raw bytes, in constant time, and fails closed: without a secret nothing is accepted.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class Verifier(Protocol):
    def verify(self, secrets: tuple[bytes, ...], headers: Mapping[str, str], body: bytes, now: float) -> bool:
        """`secrets`: all valid at the moment (rotation); `headers`: lower-case names; `now`: Unix seconds."""
        ...


def _same(expected: bytes, given: str) -> bool:
    return hmac.compare_digest(expected, given.encode("utf-8", "surrogateescape"))


def _encode(digest: bytes, encoding: str) -> bytes:
    return base64.b64encode(digest) if encoding == "base64" else digest.hex().encode()


@dataclass(frozen=True, kw_only=True)
class Hmac:
    """HMAC of the body in one header: `Hmac("x-xero-signature", encoding="base64")`."""

    header: str = field(kw_only=False)
    algorithm: str = "sha256"
    encoding: str = "hex"
    prefix: str = ""

    def verify(self, secrets: tuple[bytes, ...], headers: Mapping[str, str], body: bytes, now: float) -> bool:
        given = headers.get(self.header, "")
        expected = [
            self.prefix.encode() + _encode(hmac.new(s, body, getattr(hashlib, self.algorithm)).digest(), self.encoding)
            for s in secrets
            if s
        ]
        return any([_same(value, given) for value in expected])  # a list: every secret is compared


@dataclass(frozen=True, kw_only=True)
class TimestampedHmac:
    """`t=...,v1=...` in one header (Stripe): HMAC over `{t}.{body}`, refused outside `tolerance` seconds."""

    header: str = field(kw_only=False)
    tolerance: int = 300

    def verify(self, secrets: tuple[bytes, ...], headers: Mapping[str, str], body: bytes, now: float) -> bool:
        parts = [part.strip().partition("=") for part in headers.get(self.header, "").split(",")]
        times = [value for name, _, value in parts if name == "t"]
        given = [value for name, _, value in parts if name == "v1"]
        if len(times) != 1 or not times[0].isascii() or not times[0].isdigit() or len(times[0]) > 12:
            return False
        if abs(now - int(times[0])) > self.tolerance:
            return False
        signed = times[0].encode() + b"." + body
        expected = [hmac.new(s, signed, hashlib.sha256).hexdigest().encode() for s in secrets if s]
        return any([_same(e, g) for e in expected for g in given])


@dataclass(frozen=True, kw_only=True)
class SharedToken:
    """No signature: an unguessable token in the address we gave the vendor (Mailchimp)."""

    param: str = "token"


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """`topics` are the vendor's event names we act on -> the resource each is about; `app_level`: one address for all
    chapters, the remote account is found at `account` in each of `events` (dotted paths). Within an event, `topic` is the
    path of its name, `record` of the changed record's key (None: read the resource since last time), `event_id` of what it
    is known by when delivered twice. `body`: json or form (`data[id]` is the path `data.id`)."""

    verify: Hmac | TimestampedHmac | SharedToken
    topics: Mapping[str, str]
    events: str = ""
    topic: str = "type"
    record: str | None = None
    account: str | None = None
    event_id: str | None = None
    body: str = "json"
    app_level: bool = False
