"""Verifiers whose key is public: given to us by the vendor, or fetched from it.

What has to be fetched is not fetched while the vendor waits. Such a verifier says where the key is (`key_address`), the
delivery is stored as not yet verified, and the job that processes it settles the question with what it has fetched.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from .signatures import MOST_SIGNATURES, Delivery, Secrets, as_bytes, given_in, is_now, signed_text


@runtime_checkable
class FetchesKey(Protocol):
    """`verify` without the key is no answer: it refuses what no key could make good, and nothing else."""

    def key_address(self, delivery: Delivery) -> str | None:
        """Where the key is; None where the delivery names a place that is not the vendor's, or none: it is refused."""
        ...

    def verify_with(self, key: bytes, delivery: Delivery, secrets: Secrets, now: float) -> bool:
        """`key` is the document that stands at that address. Never raises, whatever has arrived."""
        ...


@dataclass(frozen=True, kw_only=True)
class Ecdsa:
    """ECDSA over SHA-256, in base64 (SendGrid). The secrets are the vendor's public keys, as it shows them: DER in base64."""

    header: str = field(kw_only=False)
    timestamp: str
    signed: str
    tolerance: int = 300

    def verify(self, delivery: Delivery, secrets: Secrets, now: float) -> bool:
        text = signed_text(self.signed, delivery, b"")
        if text is None or not is_now(delivery.headers.get(self.timestamp, ""), "s", self.tolerance, now):
            return False
        given = [found for one in given_in(delivery, self.header) if (found := _decoded(one))]
        keys = [key for one in secrets if isinstance(key := _public_key(one), ec.EllipticCurvePublicKey)]
        return any(_verifies(key, one, text) for key in keys for one in given)


@dataclass(frozen=True, kw_only=True)
class SignedCertificate:
    """RSA over SHA-256, in base64, by a certificate whose address is in a header (PayPal). It is fetched from `hosts` only:
    `.paypal.com` stands for every host below it. `{secret}` in `signed` is what the vendor calls our registration."""

    header: str = field(kw_only=False)
    certificate: str
    hosts: tuple[str, ...]
    signed: str

    def key_address(self, delivery: Delivery) -> str | None:
        address = delivery.headers.get(self.certificate, "")
        try:
            parts = urlsplit(address)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return None
        known = any(host.endswith(one) if one.startswith(".") else host == one for one in self.hosts)
        plain = address.isascii() and address.isprintable() and "@" not in parts.netloc
        return address if parts.scheme == "https" and known and port in (None, 443) and plain else None

    def verify_with(self, key: bytes, delivery: Delivery, secrets: Secrets, now: float) -> bool:
        public = _certified(key, now)
        given = [found for one in given_in(delivery, self.header) if (found := _decoded(one))]
        texts = [text for one in secrets if one and (text := signed_text(self.signed, delivery, one)) is not None]
        return public is not None and any(_verifies(public, one, text) for one in given for text in texts)


@dataclass(frozen=True, kw_only=True)
class Jwt:
    """A signed token in the Authorization header (Google). `keys` is where the vendor publishes its keys (JWKS); the secrets
    are the audiences we named when we subscribed."""

    keys: str
    issuers: tuple[str, ...]
    header: str = "authorization"
    algorithm: str = "RS256"

    def key_address(self, delivery: Delivery) -> str | None:
        return self.keys if self._token(delivery) else None

    def verify_with(self, key: bytes, delivery: Delivery, secrets: Secrets, now: float) -> bool:
        import jwt  # a twentieth of a second at every start, for the few who need it

        audiences = [one.decode("utf-8", "replace") for one in secrets if one]
        token = self._token(delivery)
        if not audiences or not token:
            return False
        try:
            named = jwt.get_unverified_header(token).get("kid")
            known = {one.key_id: one for one in jwt.PyJWKSet.from_dict(json.loads(key)).keys}
            told = jwt.decode(
                token,
                known[named].key,
                algorithms=[self.algorithm],
                audience=audiences,
                issuer=list(self.issuers),
                options={
                    "require": ["exp", "iss", "aud"],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
            return now < float(told["exp"]) + 60 and float(told.get("iat", now)) <= now + 300
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
            return False

    def _token(self, delivery: Delivery) -> str:
        scheme, _, token = delivery.headers.get(self.header, "").partition(" ")
        return token if scheme.lower() == "bearer" and token.isascii() and token.count(".") == 2 else ""


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(as_bytes(text), validate=True)[: MOST_SIGNATURES * 100]
    except ValueError:
        return b""


def _public_key(secret: bytes) -> object:
    try:
        return load_der_public_key(base64.b64decode(secret, validate=True))
    except ValueError:
        return None


def _certified(document: bytes, now: float) -> rsa.RSAPublicKey | None:
    """The key of a certificate that is valid now."""
    try:
        certificate = x509.load_pem_x509_certificate(document)
        key, at = certificate.public_key(), datetime.fromtimestamp(now, UTC)
    except (ValueError, OverflowError):
        return None
    valid = certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc
    return key if valid and isinstance(key, rsa.RSAPublicKey) else None


def _verifies(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey, signature: bytes, text: bytes) -> bool:
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verify(signature, text, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
