"""A connection's door to its vendor."""

from __future__ import annotations

import base64
import traceback

import pytest

from integrations import hub
from integrations.connections import services
from integrations.connections.models import Connection
from integrations.http import Unreadable, open_door
from integrations.provider import AuthExpired, Permanent, RateLimited, Temporary
from tests.doors import connected
from tests.http.vendor import Reply, as_json, half, page

pytestmark = pytest.mark.django_db


@pytest.fixture
def door(sydney, vendor):
    connection = connected(sydney)
    with hub.enter(sydney), open_door(connection, resource="things") as opened:
        yield opened


def test_a_path_is_below_the_base_url_and_the_key_goes_with_it(door, vendor):
    vendor.on("/v1/things", as_json({"things": []}))
    answer = door.fetch("get", "/things", params={"page": "2"}, headers={"If-Modified-Since": "x"})
    (seen,) = vendor.requests
    assert (seen.method, seen.host, seen.query) == ("GET", "api.acme.example", {"page": "2"})
    assert seen.headers["authorization"] == "Bearer key_canary_1234"
    assert seen.headers["if-modified-since"] == "x"
    assert seen.headers["accept"] == "application/json"
    assert seen.headers["user-agent"].startswith("Chapterhouse/")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.body == b'{"things": []}'
    assert answer.url == "https://api.acme.example/v1/things?page=2"


@pytest.mark.parametrize("path", ["things", "/things", "//things", "https://api.acme.example/v1/things"])
def test_a_whole_address_on_the_vendors_own_host_is_taken(door, vendor, path):
    vendor.on("/v1/things", as_json({}))
    assert door.fetch("GET", path).status == 200


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/v1",
        "https://api.acme.example.evil.example/",
        "https://api.acme.example@evil.example/",
        "https://api.acme.example:8443/",
        "http://api.acme.example/v1/things",
        "HTTPS://evil.example/",
    ],
)
def test_the_key_is_not_sent_to_another_address(door, vendor, address):
    with pytest.raises(Permanent, match="not its own"):
        door.fetch("GET", address)
    assert vendor.requests == []


@pytest.mark.parametrize("header", [{"X-A": "a\r\nX-B: b"}, {"X-A\n": "a"}, {"X-A": "\u4f60"}, {"X-A": 7}])
def test_a_header_that_cannot_be_sent_is_said(door, vendor, header):
    with pytest.raises(Permanent, match="made of these characters"):
        door.fetch("GET", "/things", headers=header)
    assert vendor.requests == []


def test_a_request_gives_the_decoded_answer(door, vendor):
    vendor.on("/v1/things", as_json({"name": "An"}))
    assert door.request("POST", "/things", json={"a": 1}) == {"name": "An"}
    assert vendor.requests[0].body == b'{"a": 1}'


def test_a_form_is_flattened(door, vendor):
    vendor.on("/v1/things", as_json({}))
    door.request(
        "POST", "/things", form={"amount": 5, "metadata": {"a": "b"}, "items": [{"x": 1}], "on": True, "no": None}
    )
    assert vendor.requests[0].form == {"amount": "5", "metadata[a]": "b", "items[0][x]": "1", "on": "true"}


def test_an_empty_answer_is_none(door, vendor):
    vendor.on("/v1/things", Reply(204, b""))
    assert door.request("DELETE", "/things") is None


def test_not_modified_is_an_answer(door, vendor):
    vendor.on("/v1/things", Reply(304, b""))
    assert door.fetch("GET", "/things").status == 304


def test_a_bad_value_in_an_answer_is_marked(door, vendor):
    vendor.on("/v1/things", Reply(200, b'{"v": NaN, "w": 1}', {"Content-Type": "application/json"}))
    decoded = door.request("GET", "/things")
    assert isinstance(decoded["v"], Unreadable)
    assert decoded["w"] == 1


@pytest.mark.parametrize(
    ("reply", "error", "sentence"),
    [
        (
            as_json({"message": "Bad key"}, 401),
            AuthExpired,
            r"no longer accepts this sign-in .* Reconnect it. Acme said: “Bad key”",
        ),
        (as_json({"detail": "needs scope x"}, 403), Permanent, "a permission or scope is missing .* “needs scope x”"),
        (Reply(404), Permanent, r"does not know what was asked for \(404\)"),
        (as_json({"title": "Duplicate"}, 409), Permanent, r"contradicts .* “Duplicate”"),
        (Reply(410), Permanent, "gone for good"),
        (
            as_json({"error": {"message": "name is required"}}, 422),
            Permanent,
            r"refused the request \(422\) .*name is required",
        ),
        (Reply(429, headers={"Retry-After": "77"}), RateLimited, "was asked too often"),
        (Reply(500), Temporary, r"has a fault of its own \(500\)"),
        (page(503), Temporary, r"has a fault of its own \(503\)"),
        (page(200), Temporary, "a web page instead of data"),
        (half(), Temporary, "broke off"),
    ],
)
def test_a_refusal_is_a_sentence_that_names_chapter_connection_resource_and_remedy(
    door, vendor, reply, error, sentence
):
    vendor.on("/v1/things", reply)
    with pytest.raises(error, match=sentence) as caught:
        door.request("POST", "/things", json={})
    assert str(caught.value).startswith("Acme ")
    assert "(chapter Sydney, connection 'Our things', things)" in str(caught.value)
    if error is RateLimited:
        assert caught.value.retry_after == 77
    if error is Permanent:
        assert caught.value.status == reply.status
    if error is Temporary:
        assert caught.value.outcome_unknown


def test_an_answer_that_is_no_json_is_temporary(door, vendor):
    vendor.on("/v1/things", Reply(200, b"OK", {"Content-Type": "text/plain"}))
    with pytest.raises(Temporary, match=r"not JSON \(chapter Sydney"):
        door.request("GET", "/things")


def test_a_vendors_sentence_is_shortened_and_without_the_key(door, vendor):
    vendor.on(
        "/v1/things", as_json({"message": "Invalid key key_canary_1234 for sk_live_abcdef123456\n" + "x" * 900}, 400)
    )
    with pytest.raises(Permanent) as caught:
        door.fetch("GET", "/things")
    assert "canary" not in str(caught.value)
    assert "sk_live" not in str(caught.value)
    assert "Invalid key **** for ****" in str(caught.value)
    assert len(str(caught.value)) < 500


def test_no_secret_is_in_an_errors_chain(door, vendor):
    vendor.on("/v1/things", half())
    key = door.secret()
    with pytest.raises(Temporary) as caught:
        door.fetch("POST", f"/things?api_key={key}")
    assert key not in "".join(traceback.format_exception(caught.value))


def test_a_refused_sign_in_marks_the_connection_expired(sydney, melbourne, vendor):
    vendor.on("/v1/me", as_json({"message": "revoked"}, 401))
    ours, theirs = connected(sydney), connected(melbourne)
    with hub.enter(sydney):
        with pytest.raises(AuthExpired), open_door(ours) as door:
            door.fetch("GET", "/me")
        assert ours.status == "expired"
        stored = Connection.objects.get()
        assert stored.status == "expired"
        assert "Reconnect it" in stored.last_error
    with hub.enter(melbourne):
        assert Connection.objects.get(pk=theirs.pk).status == "connected"


def test_a_connection_without_a_credential_says_connect_it(sydney):
    with hub.enter(sydney):
        connection = Connection.objects.create(provider="acme", name="New", environment="lab", auth_kind="api_key")
        with pytest.raises(AuthExpired, match=r"is not connected .* Connect it"), open_door(connection):
            pytest.fail("opened")
        connection.refresh_from_db()
        assert connection.status == "disconnected"


def test_a_door_is_opened_inside_its_chapter(sydney):
    connection = connected(sydney)
    with pytest.raises(hub.WrongSchema), open_door(connection):
        pytest.fail("opened")


def test_a_connection_of_another_chapter_has_no_door_here(sydney, melbourne, vendor):
    connection = connected(sydney)
    with hub.enter(melbourne), pytest.raises(AuthExpired), open_door(connection):
        pytest.fail("opened")


def test_a_door_may_be_used_from_a_thread(sydney, vendor):
    from concurrent.futures import ThreadPoolExecutor

    vendor.on("/v1/things", as_json({"things": [1]}))
    connection = connected(sydney)
    with hub.enter(sydney), open_door(connection) as door, ThreadPoolExecutor(1) as pool:
        assert pool.submit(door.request, "GET", "/things").result() == {"things": [1]}


def test_basic_authorisation_and_address_values(sydney, vendor):
    vendor.on("/admin/me", as_json({"ok": True}))
    with hub.enter(sydney):
        connection = services.connect_with_secret(
            provider="shop",
            name="Our shop",
            auth_kind="basic",
            fields={"password": "pass-canary", "shop": "sydney-merch"},
            environment="lab",
        )
        with open_door(connection) as door:
            assert door.base_url == "https://sydney-merch.shops.example/admin"
            assert door.secret() == "pass-canary"
            door.fetch("GET", "/me")
    seen = vendor.requests[-1]
    assert seen.host == "sydney-merch.shops.example"
    assert base64.b64decode(seen.headers["authorization"].removeprefix("Basic ")) == b"api:pass-canary"


@pytest.mark.parametrize("value", ["evil.example/", "a@b", "A", "", None, 7, "x\n", "é"])
def test_a_value_that_could_be_more_than_a_part_of_a_host_is_refused(sydney, vendor, value):
    connection = connected(
        sydney, "shop", '{"username": "api", "password": "pass"}', values={"shop": value}, auth_kind="basic"
    )
    with hub.enter(sydney), open_door(connection) as door, pytest.raises(Permanent, match="needs the value 'shop'"):
        door.fetch("GET", "/me")
    assert vendor.requests == []


def test_stripes_sdk_goes_through_the_door(door, vendor):
    import stripe

    vendor.on("/v1/customers", as_json({"object": "list", "data": [], "has_more": False, "url": "/v1/customers"}))
    client = stripe.StripeClient(
        door.secret(),
        http_client=stripe.RequestsClient(session=door.session),
        base_addresses={"api": "https://api.acme.example"},
        max_network_retries=0,
    )
    assert client.v1.customers.list().data == []
    (seen,) = vendor.requests
    assert seen.headers["authorization"] == "Bearer key_canary_1234"
    vendor.on("/v1/customers", Reply(302, b"", {"Location": "https://evil.example/"}))
    with pytest.raises(stripe.APIConnectionError) as caught:
        client.v1.customers.list()
    assert isinstance(caught.value.__context__, Permanent)


def test_mailchimps_sdk_goes_through_the_door(door, vendor):
    import json

    from mailchimp_marketing.api_client import ApiClient

    vendor.on("/3.0/ping", as_json({"health_status": "fine"}))

    class Client(ApiClient):
        def request(self, method, url, query_params=None, headers=None, body=None):
            sent = None if body is None else json.dumps(body)
            return door.session.request(
                method, url, params=query_params, data=sent, headers=headers, auth=("user", self.api_key)
            )

    client = Client({"api_key": "0123456789abcdef0123456789abcdef-us7"})
    assert client.call_api("/ping", "GET") == {"health_status": "fine"}
    assert vendor.requests[0].host == "us7.api.mailchimp.com"
