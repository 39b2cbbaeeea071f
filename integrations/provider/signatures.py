"""How we know that a delivery is the vendor's.

Over the raw bytes, in constant time, and closed without a secret. A template says what was signed, in the vendor's order:
`{body}`, `{method}`, `{url}` (the address the vendor called), `{secret}`, `{crc32}` (of the body, decimal), `{form_json}` (a
form as JSON text), and a header by its lower-case name: `"v0:{x-slack-request-timestamp}:{body}"`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

MOST_SIGNATURES = 100
_PLACE = re.compile(r"\{([a-z0-9_-]+)\}")
_LISTED = re.compile(r"\w+,[A-Za-z0-9+/=_-]+", re.ASCII)
Secrets = tuple[bytes, ...]


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What arrived, as it arrived. Header names are lower case; a header that came twice is joined by a comma, as servers do.
    `url` is the public address, with its query."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    url: str = ""


class Verifier(Protocol):
    def verify(self, delivery: Delivery, secrets: Secrets, now: float) -> bool:
        """`secrets`: all that are valid at the moment (rotation); `now`: Unix seconds. Never raises, whatever has arrived."""
        ...


@dataclass(frozen=True, kw_only=True)
class Hmac:
    """HMAC in a header of its own: `Hmac("x-xero-signature", encoding="base64")`.

    A header name that ends in `-*` stands for any number of numbered ones, of which one has to be right (DocuSign). With
    `timestamp`, the header of a Unix time (in `unit` "s" or "ms"), what is older or newer than `tolerance` seconds is refused:
    `signed` must hold that header.
    """

    header: str = field(kw_only=False)
    algorithm: str = "sha256"
    encoding: str = "hex"
    prefix: str = ""
    signed: str = "{body}"
    timestamp: str | None = None
    unit: str = "s"
    tolerance: int = 300

    def verify(self, delivery: Delivery, secrets: Secrets, now: float) -> bool:
        if self.timestamp and not is_now(delivery.headers.get(self.timestamp, ""), self.unit, self.tolerance, now):
            return False
        digest = getattr(hashlib, self.algorithm)

        def expected(secret: bytes) -> bytes | None:
            text = signed_text(self.signed, delivery, secret)
            return None if text is None else _encode(hmac.new(secret, text, digest).digest(), self.encoding)

        return _any_of(secrets, given_in(delivery, self.header), expected, self.prefix)


@dataclass(frozen=True, kw_only=True)
class TimestampedHmac:
    """`t=...,v1=...` in one header (Stripe): HMAC over `{t}.{body}`, refused outside `tolerance` seconds. `v1` may stand there
    more than once."""

    header: str = field(kw_only=False)
    tolerance: int = 300

    def verify(self, delivery: Delivery, secrets: Secrets, now: float) -> bool:
        parts = [part.strip().partition("=") for part in delivery.headers.get(self.header, "").split(",")]
        times = [value for name, _, value in parts if name == "t"]
        if len(times) != 1 or not is_now(times[0], "s", self.tolerance, now):
            return False
        signed = times[0].encode() + b"." + delivery.body
        given = [value for name, _, value in parts if name == "v1"]
        return _any_of(secrets, given, lambda secret: hmac.new(secret, signed, hashlib.sha256).hexdigest().encode())


@dataclass(frozen=True, kw_only=True)
class SecretDigest:
    """A plain digest over a text that the secret is part of (HubSpot's v1 and v2)."""

    header: str = field(kw_only=False)
    signed: str = "{secret}{body}"

    def verify(self, delivery: Delivery, secrets: Secrets, now: float) -> bool:
        def expected(secret: bytes) -> bytes | None:
            text = signed_text(self.signed, delivery, secret)
            return None if text is None else hashlib.sha256(text).hexdigest().encode()

        return _any_of(secrets, given_in(delivery, self.header), expected)


@dataclass(frozen=True, kw_only=True)
class SortedForm:
    """HMAC-SHA1 over the address and the form's fields, sorted, names and values one after the other (Twilio). Of any other
    body its SHA-256 stands in the address as `bodySHA256`."""

    header: str = field(kw_only=False)

    def verify(self, delivery: Delivery, secrets: Secrets, now: float) -> bool:
        text = self._signed(delivery)
        if text is None:
            return False
        return _any_of(
            secrets,
            given_in(delivery, self.header),
            lambda secret: _encode(hmac.new(secret, text, hashlib.sha1).digest(), "base64"),
        )

    def _signed(self, delivery: Delivery) -> bytes | None:
        digests = [value for name, value in _query(delivery.url) if name == "bodySHA256"]
        if digests:
            right = hmac.compare_digest(as_bytes(digests[0]), hashlib.sha256(delivery.body).hexdigest().encode())
            return as_bytes(delivery.url) if right else None
        pairs = _form(delivery.body)
        if pairs is None:
            return None
        return as_bytes(delivery.url + "".join(name + value for name, value in sorted(set(pairs))))


@dataclass(frozen=True, kw_only=True)
class StandardSignature:
    """Standard Webhooks: `<prefix>-id`, `-timestamp` and `-signature`, a list of `v1,<base64>`. The key is what stands, in
    base64, after `whsec_`."""

    prefix: str = "webhook"
    tolerance: int = 300

    @property
    def header(self) -> str:
        return f"{self.prefix}-signature"

    def verify(self, delivery: Delivery, secrets: Secrets, now: float) -> bool:
        time, name = (delivery.headers.get(f"{self.prefix}-{part}", "") for part in ("timestamp", "id"))
        if not name or not is_now(time, "s", self.tolerance, now):
            return False
        signed = as_bytes(f"{name}.{time}.") + delivery.body

        def expected(secret: bytes) -> bytes | None:
            key = _key(secret)
            return _encode(hmac.new(key, signed, hashlib.sha256).digest(), "base64") if key else None

        listed = delivery.headers.get(self.header, "").split(" ")
        if not all(map(_LISTED.fullmatch, listed)):  # two headers, joined, are no list
            return False
        return _any_of(secrets, [one.removeprefix("v1,") for one in listed if one.startswith("v1,")], expected)


@dataclass(frozen=True, kw_only=True)
class SharedToken:
    """No signature: an unguessable token that we gave the vendor, which comes back in the query (`param`: Mailchimp), in a
    header (Google Calendar) or in every event of the body (`field`, below the list `events`: Microsoft)."""

    param: str = "token"
    header: str | None = None
    field: str | None = None
    events: str = ""

    @property
    def in_address(self) -> bool:
        return not self.header and not self.field

    def verify(self, delivery: Delivery, secrets: Secrets, now: float) -> bool:
        given = self._given(delivery)
        # Each event's own, all of them right.
        return bool(given) and all([_any_of(secrets, [one], lambda secret: secret) for one in given])

    def _given(self, delivery: Delivery) -> list[str]:
        if self.header:
            return given_in(delivery, self.header)
        if not self.field:
            return [value for name, value in _query(delivery.url) if name == self.param][:1]
        try:
            document = json.loads(delivery.body)
            several = document[self.events] if self.events else [document]
            found = [one[self.field] for one in several]
        except (ValueError, TypeError, KeyError, RecursionError):
            return []
        return found if len(found) <= MOST_SIGNATURES * 100 and all(type(one) is str for one in found) else []


# --- parts, also of the other verifiers -------------------------------------------------------------------------------


def _any_of(
    secrets: Secrets, given: Iterable[str], expected: Callable[[bytes], bytes | None], prefix: str = ""
) -> bool:
    """Whether one of the given signatures is right by one of the secrets; all are compared."""
    wanted = [prefix.encode() + value for secret in secrets if secret for value in [expected(secret)] if value]
    return any([hmac.compare_digest(value, as_bytes(one)) for value in wanted for one in list(given)[:MOST_SIGNATURES]])


def given_in(delivery: Delivery, header: str) -> list[str]:
    if not header.endswith("-*"):
        return [delivery.headers[header]] if header in delivery.headers else []
    found = (f"{header[:-1]}{number}" for number in range(1, MOST_SIGNATURES + 1))
    return [delivery.headers[name] for name in found if name in delivery.headers]


def is_now(text: str, unit: str, tolerance: int, now: float) -> bool:
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        return False
    at = int(text) / 1000 if unit == "ms" else int(text)
    return abs(now - at) <= tolerance


@lru_cache(maxsize=200)
def _parts(template: str) -> tuple[str, ...]:
    """Text and names, by turns: the names are the odd ones."""
    return tuple(_PLACE.split(template))


def signed_text(template: str, delivery: Delivery, secret: bytes) -> bytes | None:
    """The text that was signed; None where it cannot be put together from what has arrived."""
    parts = _parts(template)
    filled = [_value(name, delivery, secret) for name in parts[1::2]]
    if any(value is None for value in filled):
        return None
    texts = (part.encode() for part in parts[::2])
    return b"".join(piece for pair in zip(texts, [*filled, b""], strict=True) for piece in pair if piece)


def _value(name: str, delivery: Delivery, secret: bytes) -> bytes | None:
    if name == "body":
        return delivery.body
    if name == "secret":
        return secret
    if name == "method":
        return as_bytes(delivery.method)
    if name == "url":
        return as_bytes(delivery.url)
    if name == "crc32":
        return str(zlib.crc32(delivery.body)).encode()
    if name == "form_json":
        pairs = _form(delivery.body)
        return None if pairs is None else json.dumps(dict(pairs)).encode()
    return as_bytes(delivery.headers[name]) if name in delivery.headers else None


def _form(body: bytes) -> list[tuple[str, str]] | None:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=1000, errors="strict")
    except ValueError:
        return None


def _query(url: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(urlsplit(url).query, keep_blank_values=True, max_num_fields=100)
    except ValueError:
        return []


def _key(secret: bytes) -> bytes:
    """The bytes of a `whsec_...`; nothing where it is none."""
    text = secret.removeprefix(b"whsec_")
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error):
        return b""


def as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _encode(digest: bytes, encoding: str) -> bytes:
    return base64.b64encode(digest) if encoding == "base64" else digest.hex().encode()
