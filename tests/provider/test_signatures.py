"""Signatures over raw bytes, closed without a secret. Vectors: the vendors' own where there are any."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.provider import signatures as sign
from integrations.provider.signatures import Delivery
from tests.vendor_contracts import vectors

from .signers import HUBSPOT, NOW, SIGNERS, SLACK, Signer

EVERY = [pytest.param(one, id=name) for name, one in SIGNERS.items()]
TIMED = [pytest.param(one, id=name) for name, one in SIGNERS.items() if one.timed]
every, timed = pytest.mark.parametrize("by", EVERY), pytest.mark.parametrize("by", TIMED)
STANDARD = sign.StandardSignature()


def accepts(by: Signer, delivery: Delivery, *secrets: bytes, now: float = NOW) -> bool:
    return by.verifier.verify(delivery, secrets or (by.secret,), now)


def with_headers(delivery: Delivery, **changed: str | None) -> Delivery:
    headers = {**delivery.headers, **{name.replace("_", "-"): value for name, value in changed.items()}}
    return dataclasses.replace(delivery, headers={name: value for name, value in headers.items() if value is not None})


class TestTheVendorsVectors:
    @pytest.mark.parametrize("vector", vectors("xero", "quickbooks", "shopify"))
    def test_of_the_body(self, vector: dict[str, Any]):
        self.holds(sign.Hmac("signature", encoding="base64"), vector, signature=vector["signature"])

    @pytest.mark.parametrize("vector", vectors("stripe"))
    def test_stripe(self, vector: dict[str, Any]):
        self.holds(sign.TimestampedHmac("signature"), vector, signature=vector["signature"])

    @pytest.mark.parametrize("vector", vectors("slack"))
    def test_slack(self, vector: dict[str, Any]):
        self.holds(SLACK, vector, x_slack_signature=vector["signature"], x_slack_request_timestamp=vector["timestamp"])

    @pytest.mark.parametrize("vector", vectors("hubspot"))
    def test_hubspot(self, vector: dict[str, Any]):
        version = vector["version"]
        if version == "v3":
            signature, at = vector["signature"], vector["timestamp"]
            self.holds(HUBSPOT, vector, unit=1000, x_hubspot_signature_v3=signature, x_hubspot_request_timestamp=at)
        else:
            signed = {"v1": "{secret}{body}", "v2": "{secret}{method}{url}{body}"}[version]
            verifier = sign.SecretDigest("x-hubspot-signature", signed=signed)
            self.holds(verifier, vector, x_hubspot_signature=vector["signature"])

    @pytest.mark.parametrize("vector", vectors("standard-webhooks"))
    def test_standard_webhooks(self, vector: dict[str, Any]):
        self.holds(
            STANDARD,
            vector,
            webhook_id=vector["id"],
            webhook_timestamp=vector["timestamp"],
            webhook_signature=vector["signature"],
        )

    @pytest.mark.parametrize("vector", vectors("twilio"))
    def test_twilio(self, vector: dict[str, Any]):
        verifier = sign.SortedForm("x-twilio-signature")
        if "params" in vector:
            whole = {**vector, "body": urlencode(vector["params"])}
            self.holds(verifier, whole, x_twilio_signature=vector["signature"])
            return
        body = vector["body"].encode()
        assert hashlib.sha256(body).hexdigest() == vector["bodySHA256"]
        url = f"https://mycompany.com/myapp.php?bodySHA256={vector['bodySHA256']}"
        signature = sign._encode(hmac.new(b"12345", url.encode(), "sha1").digest(), "base64").decode()
        self.holds(verifier, {**vector, "url": url, "secret": "12345"}, x_twilio_signature=signature)

    def holds(self, verifier: sign.Verifier, vector: dict[str, Any], *, unit: int = 1, **headers: str) -> None:
        body, secret = vector["body"].encode(), vector["secret"].encode()
        delivery = Delivery(
            body=body,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            method=vector.get("method", "POST"),
            url=vector.get("url", ""),
        )
        now = float(vector.get("timestamp", NOW)) / unit
        assert verifier.verify(delivery, (secret,), now)
        assert not verifier.verify(dataclasses.replace(delivery, body=body + b"&x=1"), (secret,), now)
        assert not verifier.verify(delivery, (b"whsec_YW5vdGhlciBvbmUgYWx0b2dldGhlcg==",), now)
        assert not verifier.verify(delivery, (), now)


@every
def test_a_right_signature_is_accepted(by: Signer):
    assert accepts(by, by.delivery())


@every
def test_a_changed_body_is_refused(by: Signer):
    assert not accepts(by, dataclasses.replace(by.delivery(), body=by.body.replace(b"1", b"9") + b"&a=b"))


@every
def test_a_wrong_key_is_refused(by: Signer):
    assert not accepts(by, by.delivery(secret=by.other))


@every
def test_without_a_secret_nothing_is_accepted(by: Signer):
    assert not by.verifier.verify(by.delivery(), (), NOW)
    assert not by.verifier.verify(by.delivery(), (b"",), NOW)


@pytest.mark.parametrize("header", ["x-xero-signature", "stripe-signature"])
def test_what_is_signed_with_nothing_is_refused(header: str):
    by = next(one for one in SIGNERS.values() if one.header == header)
    empty = dataclasses.replace(by.delivery(), headers=by.sign(b"", by.body, NOW))
    assert not accepts(by, empty, b"")


@every
def test_either_secret_is_accepted_while_one_replaces_the_other(by: Signer):
    assert accepts(by, by.delivery(secret=by.other), by.secret, by.other)
    assert accepts(by, by.delivery(secret=by.secret), by.other, by.secret)


@every
def test_a_missing_header_is_refused(by: Signer):
    for name in by.delivery().headers:
        if name == by.header or by.timed:
            assert not accepts(by, with_headers(by.delivery(), **{name: None})), name


@every
def test_a_doubled_header_joined_by_the_server_is_refused(by: Signer):
    """Where one header lists signatures, a second time in it is what is refused."""
    delivery = by.delivery()
    value = delivery.headers[by.header]
    assert not accepts(by, with_headers(delivery, **{by.header: f"{value},{value}"}))


@every
@pytest.mark.parametrize(
    "value", ["", "ünïcödé=😀", "\udcff\udcfe", "\ud800", ",,,===,,,", "v1,", "sha1=", "=" * 70_000]
)
def test_a_header_that_is_none_is_refused_quietly(by: Signer, value: str):
    for name in by.delivery().headers:
        if name == by.header or by.timed:
            assert not accepts(by, with_headers(by.delivery(), **{name: value})), name


@timed
@pytest.mark.parametrize("age", [-301, 301, 86_400])
def test_a_delivery_from_another_time_is_refused(by: Signer, age: int):
    assert not accepts(by, by.delivery(at=NOW - age))


@timed
@pytest.mark.parametrize("age", [-300, 0, 300])
def test_five_minutes_either_way_are_allowed(by: Signer, age: int):
    assert accepts(by, by.delivery(at=NOW - age))


@timed
def test_a_changed_time_is_refused(by: Signer):
    delivery = by.delivery()
    later = {name: value.replace(str(NOW), str(NOW + 1)) for name, value in delivery.headers.items()}
    assert later != delivery.headers
    assert not accepts(by, dataclasses.replace(delivery, headers=later))


@timed
@pytest.mark.parametrize("time", ["", "-1", "1e9", "٠١٢٣٤٥٦٧٨٩", "9" * 5000, " ", "0x10", "NaN"])
def test_a_time_that_is_none_is_refused(by: Signer, time: str):
    delivery = by.delivery()
    other = {name: value.replace(str(NOW), time) for name, value in delivery.headers.items()}
    assert not accepts(by, dataclasses.replace(delivery, headers=other))


@every
@given(text=st.text(max_size=200), body=st.binary(max_size=200), address=st.text(max_size=80))
def test_nothing_whatever_opens_the_door_or_breaks_it(by: Signer, text: str, body: bytes, address: str):
    headers = dict.fromkeys(by.delivery().headers, text)
    assert not accepts(by, Delivery(body=body, headers=headers, url=address))
    assert not accepts(by, Delivery(body=body, headers={**by.delivery().headers, by.header: text}, url=address))


@every
@given(body=st.binary(min_size=1, max_size=200))
def test_no_other_body_goes_with_a_right_signature(by: Signer, body: bytes):
    if body != by.body and by.header not in ("x-freshbooks-hmac-sha256", "x-twilio-signature"):
        assert not accepts(by, dataclasses.replace(by.delivery(), body=body))


def test_another_method_or_address_is_refused_where_it_is_signed():
    by = SIGNERS["hubspot"]
    assert not accepts(by, dataclasses.replace(by.delivery(), method="PUT"))
    assert not accepts(by, dataclasses.replace(by.delivery(), url="https://hub.example/elsewhere"))


def test_a_doubled_time_is_refused_even_with_a_right_signature():
    by = SIGNERS["stripe"]
    delivery = by.delivery()
    assert not accepts(by, with_headers(delivery, stripe_signature=f"t={NOW}," + delivery.headers["stripe-signature"]))


def test_no_other_scheme_is_accepted():
    stripe, standard = SIGNERS["stripe"], SIGNERS["standard"]
    old = stripe.delivery().headers["stripe-signature"].replace("v1=", "v0=")
    assert not accepts(stripe, with_headers(stripe.delivery(), stripe_signature=old))
    other = standard.delivery().headers["webhook-signature"].replace("v1,", "v1a,")
    assert not accepts(standard, with_headers(standard.delivery(), webhook_signature=other))


def test_a_prefix_belongs_to_the_signature():
    by = SIGNERS["hmac, sha1 and a prefix"]
    bare = by.delivery().headers["x-hub-signature"].removeprefix("sha1=")
    assert not accepts(by, with_headers(by.delivery(), x_hub_signature=bare))


def test_no_more_than_a_hundred_numbered_signatures_are_looked_at():
    by = SIGNERS["hmac, numbered"]
    right = by.delivery().headers["x-docusign-signature-2"]
    assert accepts(by, Delivery(body=by.body, headers={"x-docusign-signature-100": right}))
    assert not accepts(by, Delivery(body=by.body, headers={"x-docusign-signature-101": right}))


def test_a_standard_secret_may_lack_its_padding():
    by = SIGNERS["standard"]
    secret = b"whsec_" + b"YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo="
    delivery = dataclasses.replace(by.delivery(), headers=by.sign(secret, by.body, NOW))
    assert accepts(by, delivery, secret.rstrip(b"="))


def test_a_form_counts_a_field_that_came_twice_with_the_same_value_once():
    by = SIGNERS["twilio"]
    delivery = dataclasses.replace(by.delivery(), body=by.body + b"&AccountSid=AC1")
    assert accepts(by, delivery)


class TestSharedToken:
    ADDRESS = sign.SharedToken()
    CHANNEL = sign.SharedToken(header="x-goog-channel-token")
    STATE = sign.SharedToken(field="clientState", events="value")

    @pytest.mark.parametrize("url", ["https://h/x?token=right", "https://h/x?a=b&token=right"])
    def test_in_the_address(self, url: str):
        assert self.ADDRESS.verify(Delivery(body=b"", url=url), (b"right",), NOW)

    @pytest.mark.parametrize("url", ["", "https://h/x", "https://h/x?token=", "https://h/x?token=wrong", "https://h/x?token=w&token=right", "http://[", "https://h/x?token=r%ff"])  # fmt: skip
    def test_not_in_the_address(self, url: str):
        assert not self.ADDRESS.verify(Delivery(body=b"", url=url), (b"right",), NOW)
        assert not self.ADDRESS.verify(Delivery(body=b"", url=url), (b"",), NOW)

    def test_in_a_header(self):
        assert self.CHANNEL.verify(Delivery(body=b"", headers={"x-goog-channel-token": "right"}), (b"right",), NOW)
        assert not self.CHANNEL.verify(Delivery(body=b"", headers={"x-goog-channel-token": "wrong"}), (b"right",), NOW)
        assert not self.CHANNEL.verify(Delivery(body=b"", url="https://h/x?token=right"), (b"right",), NOW)

    @pytest.mark.parametrize(
        ("states", "right"), [(["right"], True), (["right", "right"], True), (["right", "wrong"], False), ([], False), ([7], False)]
    )  # fmt: skip
    def test_in_every_event(self, states: list[Any], right: bool):
        body = json.dumps({"value": [{"clientState": state} for state in states]}).encode()
        assert self.STATE.verify(Delivery(body=body), (b"right",), NOW) is right

    @pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"value":7}', b'{"value":[7]}', b'{"value":[{}]}', b"[" * 100_000, b"\xff"])  # fmt: skip
    def test_a_body_that_is_none_is_refused(self, body: bytes):
        assert not self.STATE.verify(Delivery(body=body), (b"right",), NOW)
