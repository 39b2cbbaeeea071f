"""Signatures by keys that are fetched: where from, and what then holds."""

from __future__ import annotations

import dataclasses

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.provider.public_keys import FetchesKey
from integrations.provider.signatures import Delivery

from .signers import GOOGLE, NOW, PAYPAL, certificate, google, key_set, paypal

WEBHOOK, BODY = b"WH-1", b'{"id":"WH-EVENT-1"}'
AUDIENCE = "https://hub.example/api/v1/webhooks/gmail"


def test_both_say_that_they_fetch_their_key():
    assert isinstance(PAYPAL, FetchesKey)
    assert isinstance(GOOGLE, FetchesKey)


class TestCertificate:
    def accepts(self, delivery: Delivery, document: bytes = b"", *secrets: bytes, now: float = NOW) -> bool:
        return PAYPAL.verify_with(document or certificate(), delivery, secrets or (WEBHOOK,), now)

    def test_a_right_signature_is_accepted(self):
        assert self.accepts(paypal(WEBHOOK, BODY))
        assert self.accepts(paypal(WEBHOOK, BODY), b"", b"WH-0", WEBHOOK)

    def test_anything_else_signed_is_refused(self):
        delivery = paypal(WEBHOOK, BODY)
        later = {**delivery.headers, "paypal-transmission-time": "2023-11-14T22:13:21Z"}
        assert not self.accepts(dataclasses.replace(delivery, body=BODY + b" "))
        assert not self.accepts(dataclasses.replace(delivery, headers=later))
        assert not self.accepts(paypal(b"WH-2", BODY))
        assert not PAYPAL.verify_with(certificate(), delivery, (), NOW)

    def test_another_certificate_is_refused(self):
        assert not self.accepts(paypal(WEBHOOK, BODY), certificate(b"another"))

    def test_a_certificate_out_of_its_time_is_refused(self):
        assert not self.accepts(paypal(WEBHOOK, BODY), certificate(days=-1))
        assert not self.accepts(paypal(WEBHOOK, BODY), now=NOW - 90 * 86_400)

    @pytest.mark.parametrize(
        "document", [b"", b"<html>", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    )
    def test_a_document_that_is_none_is_refused(self, document: bytes):
        assert not PAYPAL.verify_with(document, paypal(WEBHOOK, BODY), (WEBHOOK,), NOW)

    @pytest.mark.parametrize(
        "missing", ["paypal-transmission-id", "paypal-transmission-time", "paypal-transmission-sig"]
    )
    def test_a_missing_header_is_refused(self, missing: str):
        delivery = paypal(WEBHOOK, BODY)
        left = {name: value for name, value in delivery.headers.items() if name != missing}
        assert not self.accepts(dataclasses.replace(delivery, headers=left))

    @pytest.mark.parametrize(
        "address",
        ["https://api.paypal.com/v1/certs/1", "https://api.sandbox.paypal.com/c", "https://api.paypal.com:443/c"],
    )
    def test_the_key_stands_at_the_vendors(self, address: str):
        assert PAYPAL.key_address(Delivery(body=b"", headers={"paypal-cert-url": address})) == address

    @pytest.mark.parametrize(
        "address",
        [
            "", "http://api.paypal.com/c", "https://paypal.com.evil.example/c", "https://evilpaypal.com/c", "https://evil.example/.paypal.com",
            "https://api.paypal.com@evil.example/c", "https://user@api.paypal.com/c", "https://api.paypal.com:8443/c", "https://[::1/c",
            "https://api.paypal.com:x/c", "//api.paypal.com/c", "https://api.paypal.com\n.evil.example/", "https://api.päypal.com/c",
        ],
    )  # fmt: skip
    def test_and_nowhere_else(self, address: str):
        assert PAYPAL.key_address(Delivery(body=b"", headers={"paypal-cert-url": address})) is None

    @given(text=st.text(max_size=200))
    def test_no_address_whatever_leads_away(self, text: str):
        found = PAYPAL.key_address(Delivery(body=b"", headers={"paypal-cert-url": text}))
        assert found is None or found.startswith("https://")


class TestJwt:
    def accepts(self, delivery: Delivery, *secrets: str, keys: bytes = b"", now: float = NOW) -> bool:
        found = tuple(one.encode() for one in secrets or (AUDIENCE,))
        return GOOGLE.verify_with(keys or key_set(b"another", b"theirs"), delivery, found, now)

    def test_a_right_token_is_accepted(self):
        assert GOOGLE.key_address(google(AUDIENCE)) == GOOGLE.keys
        assert self.accepts(google(AUDIENCE))
        assert self.accepts(google(AUDIENCE), "https://old.example", AUDIENCE)

    def test_one_for_somebody_else_is_refused(self):
        assert not self.accepts(google("https://elsewhere.example"))
        assert not self.accepts(google(AUDIENCE, iss="https://evil.example"))
        assert not GOOGLE.verify_with(key_set(b"theirs"), google(AUDIENCE), (), NOW)

    def test_one_by_another_key_is_refused(self):
        assert not self.accepts(google(AUDIENCE, key=b"another"))
        assert not self.accepts(google(AUDIENCE, kid="unknown"))
        assert not self.accepts(google(AUDIENCE), keys=key_set(b"another"))

    @pytest.mark.parametrize("claim", ["exp", "iss", "aud"])
    def test_one_that_lacks_something_is_refused(self, claim: str):
        assert not self.accepts(google(AUDIENCE, **{claim: None}))

    def test_one_out_of_its_time_is_refused(self):
        assert not self.accepts(google(AUDIENCE), now=NOW + 2 * 3600)
        assert not self.accepts(google(AUDIENCE), now=NOW - 2 * 3600)

    @pytest.mark.parametrize(
        "keys", [b"", b"[]", b"{}", b'{"keys":[]}', b'{"keys":[{}]}', b'{"keys":7}', b"[" * 100_000]
    )
    def test_keys_that_are_none_are_refused(self, keys: bytes):
        assert not GOOGLE.verify_with(keys, google(AUDIENCE), (AUDIENCE.encode(),), NOW)

    @pytest.mark.parametrize("alg", ["none", "HS256"])
    def test_no_other_algorithm_is_accepted(self, alg: str):
        claims = {"iss": "https://accounts.google.com", "aud": AUDIENCE, "iat": NOW, "exp": NOW + 3600}
        token = jwt.encode(claims, None if alg == "none" else "k" * 64, alg, headers={"kid": "theirs"})
        assert not self.accepts(Delivery(body=b"", headers={"authorization": f"Bearer {token}"}))

    @given(text=st.text(max_size=200))
    @settings(max_examples=200)
    def test_no_text_whatever_opens_the_door_or_breaks_it(self, text: str):
        for value in (text, f"Bearer {text}", f"Bearer {text}.{text}.{text}"):
            assert not self.accepts(Delivery(body=b"", headers={"authorization": value}))
