"""What is answered to a vendor that makes sure of an address."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.provider import challenges as words
from integrations.provider.signatures import Delivery

SECRETS = (b"a-secret",)
EVERY = [
    words.AnswersGet(),
    words.EchoedParam("validationToken"),
    words.VerifiedParam(),
    words.EchoedField(),
    words.HashedField(),
]


def get(url: str) -> Delivery:
    return Delivery(body=b"", method="GET", url=url)


def post(document: object) -> Delivery:
    return Delivery(body=json.dumps(document).encode())


def test_a_get_is_answered_with_nothing():
    assert words.AnswersGet().reply(get("https://h/x"), ()) == words.Reply()
    assert words.AnswersGet().reply(post({}), ()) is None


def test_a_token_of_the_address_is_sent_back_as_plain_text():
    found = words.EchoedParam("validationToken").reply(
        Delivery(body=b"", url="https://h/x?validationToken=Validation%3a+%3Cb%3E"), ()
    )
    assert found is not None
    assert (found.body, found.content_type) == (b"Validation: <b>", "text/plain; charset=utf-8")
    assert words.EchoedParam("validationToken").reply(get("https://h/x?other=1"), ()) is None
    assert words.EchoedParam("validationToken").reply(get("https://h/x?validationToken=" + "a" * 5000), ()) is None


def test_a_challenge_of_the_address_wants_our_token():
    token = words.verify_token(b"a-secret")
    asked = "https://h/x?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="
    found = words.VerifiedParam().reply(get(asked + token), SECRETS)
    assert found is not None
    assert found.body == b"1158201444"
    assert words.VerifiedParam().reply(get(asked + "wrong"), SECRETS) is None
    assert words.VerifiedParam().reply(get(asked + token), ()) is None
    assert words.VerifiedParam().reply(get((asked + token).replace("subscribe", "other")), SECRETS) is None
    assert "a-secret" not in token


def test_a_field_of_the_body_is_sent_back():
    slack = {"token": "x", "challenge": "3eZbrw1aB", "type": "url_verification"}
    found = words.EchoedField().reply(post(slack), SECRETS)
    assert found is not None
    assert found.body == b"3eZbrw1aB"
    assert words.EchoedField().signed
    assert words.EchoedField().reply(post({**slack, "type": "event_callback"}), SECRETS) is None
    assert words.EchoedField().reply(post({**slack, "challenge": 7}), SECRETS) is None


def test_a_token_is_sent_back_with_its_hmac():
    zoom = {"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"}}
    found = words.HashedField().reply(post(zoom), SECRETS)
    assert found is not None
    digest = hmac.new(b"a-secret", b"qgg8vlvZRS6UYooatFL8Aw", hashlib.sha256).hexdigest()
    assert json.loads(found.body) == {"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": digest}
    assert found.content_type == "application/json"
    assert words.HashedField().reply(post(zoom), ()) is None
    assert words.HashedField().reply(post({**zoom, "event": "meeting.started"}), SECRETS) is None


@pytest.mark.parametrize("word", EVERY, ids=lambda one: type(one).__name__)
@given(body=st.binary(max_size=200), address=st.text(max_size=100), method=st.sampled_from(["GET", "POST"]))
def test_whatever_arrives_nothing_breaks(word: words.Challenge, body: bytes, address: str, method: str):
    for url in (address, f"https://h/x?validationToken={address}&hub.mode=subscribe&hub.verify_token={address}"):
        found = word.reply(Delivery(body=body, method=method, url=url), SECRETS)
        assert found is None or len(found.body) <= 4 * words.MOST_LETTERS
    assert word.reply(Delivery(body=b"[" * 100_000), SECRETS) is None or isinstance(word, words.EchoedParam)
