"""Errors are problem documents, whatever went wrong and wherever."""

from __future__ import annotations

import pytest

from integrations.api.problems import flatten
from integrations.api.views.catalogue import Catalogue

from .conftest import problem

pytestmark = pytest.mark.django_db

DEEP = b'{"settings": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"
BODIES = {
    "half an object": b'{"settings": ',
    "not utf-8": b'{"a": "\xff"}',
    "a NUL": b'{"settings": {"prefix": "a\\u0000b"}}',
    "a NUL in a name": b'{"settings": {"a\\u0000b": 1}}',
    "a lone surrogate": b'{"settings": {"prefix": "\\ud800"}}',
    "a number of 5,000 digits": b'{"settings": {"days": ' + b"9" * 5_000 + b"}}",
    "a number beyond 64 bits": b'{"settings": {"days": 9223372036854775808}}',
    "NaN": b'{"settings": {"days": NaN}}',
    "an infinite number": b'{"settings": {"days": 1e999}}',
    "nesting without end": DEEP,
    "nesting past the limit": b'{"settings": ' + b"[" * 60 + b"]" * 60 + b"}",
    "a name twice": b'{"settings": {"days": 1, "days": 2}}',
    "a list": b"[]",
    "a text": b'"settings"',
    "null": b"null",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_cannot_be_taken_is_a_400(sydney, with_key, connect, body):
    connect(sydney)
    answer = with_key(sydney).put("integrations/shop/settings", body)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


def test_a_body_that_is_too_long_is_a_413(sydney, with_key, connect, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    connect(sydney)
    problem(with_key(sydney).put("integrations/shop/settings", {"settings": {"prefix": "x" * 200}}), 413)


def test_an_unknown_address_is_a_problem_and_not_a_page(sydney, with_key):
    found = problem(with_key(sydney).get("nothing/here/at/all"), 404)
    assert found["instance"] == "/api/v1/nothing/here/at/all"


def test_an_unknown_chapter_is_a_problem(client, db):
    problem(client.get("/api/v1/integrations", headers={"host": "nowhere.localhost"}), 404)


def test_the_hub_has_no_api(client, db):
    problem(client.get("/api/v1/integrations", headers={"host": "hub.localhost"}), 404)


def test_nobody_is_a_401_that_says_how(sydney, client):
    answer = client.get("/api/v1/integrations", headers={"host": "sydney.localhost"})
    problem(answer, 401)
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_method_that_is_not_there_is_a_405_that_says_which_are(sydney, with_key):
    answer = with_key(sydney).delete("integrations")
    problem(answer, 405)
    assert "GET" in answer["Allow"]
    problem(with_key(sydney).ask("OPTIONS", "integrations"), 405)


def test_only_json_is_served_and_taken(sydney, with_key, connect):
    connect(sydney)
    caller = with_key(sydney)
    problem(caller.get("integrations", accept="text/html"), 406)
    answer = caller.client.post(
        "/api/v1/integrations/shop/sync",
        {"full": "1"},
        headers={"host": "sydney.localhost", "authorization": f"Bearer {caller.token}"},
    )
    problem(answer, 415)


def test_an_exception_nobody_expected_shows_nothing_of_itself(sydney, with_key, monkeypatch, settings):
    settings.DEBUG = True  # where Django would show a page with everything

    def explode(*args, **kwargs):
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(Catalogue, "get", explode)
    caller = with_key(sydney)
    caller.client.raise_request_exception = False
    answer = caller.get("integrations")
    problem(answer, 500)
    assert b"hunter2" not in answer.content
    assert b"Traceback" not in answer.content


def test_every_mistake_is_named_with_its_place(sydney, with_key):
    caller = with_key(sydney)
    found = problem(caller.get("integrations?category=nonsense&connected=perhaps"), 400, "invalid")
    assert {error["parameter"] for error in found["errors"]} == {"category", "connected"}
    found = problem(caller.post("integrations/shop/connect", {"environment": "moon", "colour": "red"}), 400, "invalid")
    assert {error["pointer"] for error in found["errors"]} == {"/environment", "/colour"}


def test_nested_mistakes_have_json_pointers():
    nested = {"a/b": [{"c~d": ["wrong"]}], "non_field_errors": ["bad"]}
    assert flatten(nested) == [
        {"pointer": "/a~1b/0/c~0d", "detail": "wrong"},
        {"pointer": "", "detail": "bad"},
    ]


@pytest.mark.parametrize(
    "cookie", ['"\\000aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"', "short", "a" * 5000, "é" * 32, "' OR 1=1 --"]
)
def test_a_cookie_that_cannot_be_a_session_is_nobodys(sydney, client, cookie):
    answer = client.get("/api/v1/integrations", headers={"host": "sydney.localhost", "cookie": f"sessionid={cookie}"})
    problem(answer, 401)


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer chk_", "Bearer chk_aaaaaaaaaa_é", "Basic eDp5", "Bearer \x00", "chk_x"]
)
def test_a_malformed_authorization_is_a_401(sydney, client, header):
    problem(client.get("/api/v1/integrations", headers={"host": "sydney.localhost", "authorization": header}), 401)
