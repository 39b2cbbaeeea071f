"""Signatures over raw bytes, in constant time, closed without a secret. Vectors: the vendors' own where there are any."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.provider import Hmac, TimestampedHmac
from tests.vendor_contracts import vectors

NOW = 1_700_000_000.0
XERO = Hmac("x-xero-signature", encoding="base64")
STRIPE = TimestampedHmac("stripe-signature")
SECRET, BODY = b"whsec_test_secret", b'{"id":"evt_1","amount":2200}'


def signed(secret: bytes = SECRET, body: bytes = BODY, at: int = int(NOW)) -> str:
    return f"t={at},v1={hmac.new(secret, f'{at}.'.encode() + body, hashlib.sha256).hexdigest()}"


def xero(secret: bytes = SECRET, body: bytes = BODY) -> str:
    return base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest()).decode()


def stripe_accepts(
    header: str | None, *, body: bytes = BODY, secrets: tuple[bytes, ...] = (SECRET,), now: float = NOW
) -> bool:
    return STRIPE.verify(secrets, {} if header is None else {"stripe-signature": header}, body, now)


def xero_accepts(header: str | None, *, body: bytes = BODY, secrets: tuple[bytes, ...] = (SECRET,)) -> bool:
    return XERO.verify(secrets, {} if header is None else {"x-xero-signature": header}, body, NOW)


@pytest.mark.parametrize("vector", vectors("xero", "stripe", "quickbooks", "shopify"))
def test_the_vendors_vectors_are_accepted(vector: dict[str, Any]):
    verifier = STRIPE if vector["system"] == "stripe" else Hmac("signature", encoding="base64")
    header = verifier.header
    secrets, body = (vector["secret"].encode(),), vector["body"].encode()
    now = float(vector.get("timestamp", NOW))
    assert verifier.verify(secrets, {header: vector["signature"]}, body, now)
    assert not verifier.verify(secrets, {header: vector["signature"]}, body + b" ", now)
    assert not verifier.verify((b"another",), {header: vector["signature"]}, body, now)
    assert not verifier.verify((), {header: vector["signature"]}, body, now)


def test_a_right_signature_is_accepted():
    assert stripe_accepts(signed())
    assert xero_accepts(xero())


def test_a_changed_body_is_refused():
    assert not stripe_accepts(signed(), body=BODY.replace(b"2200", b"9900"))
    assert not xero_accepts(xero(), body=BODY.replace(b"2200", b"9900"))


def test_a_wrong_key_is_refused():
    assert not stripe_accepts(signed(b"wrong"))
    assert not xero_accepts(xero(b"wrong"))


def test_without_a_secret_nothing_is_accepted():
    empty = hmac.new(b"", BODY, hashlib.sha256)
    assert not xero_accepts(base64.b64encode(empty.digest()).decode(), secrets=(b"",))
    assert not xero_accepts(xero(), secrets=())
    assert not stripe_accepts(signed(b""), secrets=(b"",))


def test_either_secret_is_accepted_while_one_replaces_the_other():
    assert stripe_accepts(signed(b"new"), secrets=(b"old", b"new"))
    assert stripe_accepts(signed(b"old"), secrets=(b"old", b"new"))
    assert xero_accepts(xero(b"new"), secrets=(b"old", b"new"))


@pytest.mark.parametrize("age", [-301, 301, 86_400])
def test_a_delivery_from_another_time_is_refused(age: int):
    assert not stripe_accepts(signed(at=int(NOW) - age))


@pytest.mark.parametrize("age", [-300, 0, 300])
def test_five_minutes_either_way_are_allowed(age: int):
    assert stripe_accepts(signed(at=int(NOW) - age))


def test_a_changed_time_is_refused():
    assert not stripe_accepts(signed().replace(f"t={int(NOW)}", f"t={int(NOW) + 1}"))


def test_the_right_one_of_several_signatures_is_found():
    assert stripe_accepts(signed().replace(",v1=", ",v1=00,v1="))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "t=",
        "v1=abc",
        f"t={int(NOW)}",
        f"t={int(NOW)},t={int(NOW)},v1=00",
        f"t=-{int(NOW)},v1=00",
        f"t={'9' * 5000},v1=00",
        "t=١٧٠٠٠٠٠٠٠٠,v1=00",
        "t=1e9,v1=00",
        "ünïcödé=😀",
        "\udcff\udcfe",
        ",,,===,,,",
        "v0=" + "a" * 64,
    ],
)
def test_a_header_that_is_none_is_refused_quietly(header: str | None):
    assert not stripe_accepts(header)
    assert not xero_accepts(header)


def test_a_doubled_time_is_refused_even_with_a_right_signature():
    assert not stripe_accepts(f"t={int(NOW)}," + signed())


def test_a_doubled_header_joined_by_the_server_is_refused():
    assert not xero_accepts(f"{xero()},{xero()}")


def test_no_other_scheme_of_stripe_is_accepted():
    assert not stripe_accepts(signed().replace("v1=", "v0="))


@given(st.text(max_size=200))
def test_no_text_whatever_opens_the_door(header: str):
    assert not stripe_accepts(header)
    assert not xero_accepts(header)


def test_a_prefix_belongs_to_the_signature():
    verifier = Hmac("x-signature", prefix="sha256=")
    digest = hmac.new(SECRET, BODY, hashlib.sha256).hexdigest()
    assert verifier.verify((SECRET,), {"x-signature": f"sha256={digest}"}, BODY, NOW)
    assert not verifier.verify((SECRET,), {"x-signature": digest}, BODY, NOW)
