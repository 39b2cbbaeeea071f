"""The vendor's side of every verifier: how a delivery is signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import parse_qsl

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from integrations.provider import signatures as sign
from integrations.provider.public_keys import Ecdsa, Jwt, SignedCertificate
from integrations.provider.signatures import Delivery

NOW = 1_700_000_000
URL = "https://hub.example/api/v1/webhooks/vendor/sydney?token=of-the-address"
PAYPAL = SignedCertificate(
    "paypal-transmission-sig",
    certificate="paypal-cert-url",
    hosts=(".paypal.com",),
    signed="{paypal-transmission-id}|{paypal-transmission-time}|{secret}|{crc32}",
)
GOOGLE = Jwt(keys="https://www.googleapis.com/oauth2/v3/certs", issuers=("https://accounts.google.com",))
SENDGRID = Ecdsa(
    "x-twilio-email-event-webhook-signature",
    timestamp="x-twilio-email-event-webhook-timestamp",
    signed="{x-twilio-email-event-webhook-timestamp}{body}",
)
# Secret, body, Unix time -> the delivery's headers.
Sign = Callable[[bytes, bytes, int], dict[str, str]]


@dataclass(frozen=True, kw_only=True)
class Signer:
    """`header` carries the signature, `timed` whether the time is signed. Secrets are what our side keeps."""

    verifier: sign.Verifier
    sign: Sign
    header: str
    timed: bool = False
    secret: bytes = b"a-secret-of-this-vendor"
    other: bytes = b"another-secret-of-it"
    body: bytes = b'{"id":"evt_1","amount":2200}'

    def delivery(self, *, secret: bytes = b"", body: bytes = b"", at: int = NOW) -> Delivery:
        body = body or self.body
        return Delivery(body=body, headers=self.sign(secret or self.secret, body, at), url=URL)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def mac(secret: bytes, text: bytes, algorithm: str = "sha256") -> bytes:
    return hmac.new(secret, text, algorithm).digest()


def _twilio(secret: bytes, body: bytes, _at: int) -> dict[str, str]:
    pairs = sorted(parse_qsl(body.decode(), keep_blank_values=True))
    return {"x-twilio-signature": b64(mac(secret, (URL + "".join(n + v for n, v in pairs)).encode(), "sha1"))}


def _standard(secret: bytes, body: bytes, at: int) -> dict[str, str]:
    key = base64.b64decode(secret.removeprefix(b"whsec_"))
    signature = b64(mac(key, f"msg_1.{at}.".encode() + body))
    return {"webhook-id": "msg_1", "webhook-timestamp": str(at), "webhook-signature": f"v1a,xx v1,{signature}"}


def _freshbooks(secret: bytes, body: bytes, _at: int) -> dict[str, str]:
    text = json.dumps(dict(parse_qsl(body.decode()))).encode()
    return {"x-freshbooks-hmac-sha256": b64(mac(secret, text))}


SLACK = sign.Hmac(
    "x-slack-signature",
    prefix="v0=",
    signed="v0:{x-slack-request-timestamp}:{body}",
    timestamp="x-slack-request-timestamp",
)
HUBSPOT = sign.Hmac(
    "x-hubspot-signature-v3",
    encoding="base64",
    signed="{method}{url}{body}{x-hubspot-request-timestamp}",
    timestamp="x-hubspot-request-timestamp",
    unit="ms",
)
SIGNERS: dict[str, Signer] = {
    "hmac": Signer(
        verifier=sign.Hmac("x-xero-signature", encoding="base64"),
        sign=lambda secret, body, at: {"x-xero-signature": b64(mac(secret, body))},
        header="x-xero-signature",
    ),
    "hmac, sha1 and a prefix": Signer(
        verifier=sign.Hmac("x-hub-signature", algorithm="sha1", prefix="sha1="),
        sign=lambda secret, body, at: {"x-hub-signature": "sha1=" + mac(secret, body, "sha1").hex()},
        header="x-hub-signature",
    ),
    "hmac, numbered": Signer(
        verifier=sign.Hmac("x-docusign-signature-*", encoding="base64"),
        sign=lambda secret, body, at: {
            "x-docusign-signature-1": b64(mac(b"a key of somebody else", body)),
            "x-docusign-signature-2": b64(mac(secret, body)),
        },
        header="x-docusign-signature-2",
    ),
    "hmac of a form as JSON": Signer(
        verifier=sign.Hmac("x-freshbooks-hmac-sha256", encoding="base64", signed="{form_json}"),
        sign=_freshbooks,
        header="x-freshbooks-hmac-sha256",
        body=b"name=invoice.create&object_id=1234",
    ),
    "slack": Signer(
        verifier=SLACK,
        sign=lambda secret, body, at: {
            "x-slack-request-timestamp": str(at),
            "x-slack-signature": "v0=" + mac(secret, f"v0:{at}:".encode() + body).hex(),
        },
        header="x-slack-signature",
        timed=True,
    ),
    "hubspot": Signer(
        verifier=HUBSPOT,
        sign=lambda secret, body, at: {
            "x-hubspot-request-timestamp": f"{at}000",
            "x-hubspot-signature-v3": b64(mac(secret, f"POST{URL}".encode() + body + f"{at}000".encode())),
        },
        header="x-hubspot-signature-v3",
        timed=True,
    ),
    "hubspot, plain digest": Signer(
        verifier=sign.SecretDigest("x-hubspot-signature"),
        sign=lambda secret, body, at: {"x-hubspot-signature": hashlib.sha256(secret + body).hexdigest()},
        header="x-hubspot-signature",
    ),
    "stripe": Signer(
        verifier=sign.TimestampedHmac("stripe-signature"),
        sign=lambda secret, body, at: {
            "stripe-signature": f"t={at},v1=00,v1={mac(secret, f'{at}.'.encode() + body).hex()}"
        },
        header="stripe-signature",
        timed=True,
    ),
    "twilio": Signer(
        verifier=sign.SortedForm("x-twilio-signature"),
        sign=_twilio,
        header="x-twilio-signature",
        body=b"To=%2B61&Body=Hello+you&AccountSid=AC1",
    ),
    "standard": Signer(
        verifier=sign.StandardSignature(),
        sign=_standard,
        header="webhook-signature",
        timed=True,
        secret=b"whsec_" + base64.b64encode(b"k" * 24),
        other=b"whsec_" + base64.b64encode(b"o" * 24),
    ),
}


# --- public keys ------------------------------------------------------------------------------------------------------


@cache
def curve_key(name: bytes) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def rsa_key(name: bytes) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def shown(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key as SendGrid shows it."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(key.public_key().public_bytes(serialization.Encoding.DER, form))


def _sendgrid(secret: bytes, body: bytes, at: int) -> dict[str, str]:
    key = next(key for key in map(curve_key, (b"theirs", b"another")) if shown(key) == secret)
    signature = key.sign(f"{at}".encode() + body, ec.ECDSA(hashes.SHA256()))
    return {SENDGRID.header: b64(signature), SENDGRID.timestamp: str(at)}


SIGNERS["sendgrid"] = Signer(
    verifier=SENDGRID,
    sign=_sendgrid,
    header=SENDGRID.header,
    timed=True,
    secret=shown(curve_key(b"theirs")),
    other=shown(curve_key(b"another")),
)


def certificate(name: bytes = b"theirs", *, days: int = 30, at: int = NOW) -> bytes:
    key, subject = rsa_key(name), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "messageverification")])
    moment = datetime.fromtimestamp(at, UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(moment - timedelta(days=60))
        .not_valid_after(moment + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def paypal(webhook_id: bytes, body: bytes, *, key: bytes = b"theirs") -> Delivery:
    time = "2023-11-14T22:13:20Z"
    text = f"transmission-1|{time}|{webhook_id.decode()}|{zlib.crc32(body)}".encode()
    return Delivery(
        body=body,
        headers={
            "paypal-transmission-id": "transmission-1",
            "paypal-transmission-time": time,
            "paypal-transmission-sig": b64(rsa_key(key).sign(text, padding.PKCS1v15(), hashes.SHA256())),
            "paypal-cert-url": "https://api.paypal.com/v1/notifications/certs/CERT-1",
        },
    )


def key_set(*names: bytes) -> bytes:
    shapes = [
        {
            **jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key(name).public_key(), as_dict=True),
            "kid": name.decode(),
            "alg": "RS256",
        }
        for name in names
    ]
    return json.dumps({"keys": shapes}).encode()


def google(audience: str, *, key: bytes = b"theirs", kid: str = "theirs", **told: object) -> Delivery:
    claims = {"iss": "https://accounts.google.com", "aud": audience, "iat": NOW, "exp": NOW + 3600, **told}
    token = jwt.encode({n: v for n, v in claims.items() if v is not None}, rsa_key(key), "RS256", headers={"kid": kid})
    return Delivery(body=b"{}", headers={"authorization": f"Bearer {token}"})
