"""Connecting with what a person types in."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from integrations import hub
from integrations.connections import rows, services, signals
from integrations.connections.models import Connection, Credential
from integrations.connections.services import ConnectError
from integrations.http import open_door
from integrations.hub.models import AccountRoute
from integrations.provider import Accounts
from tests import fakes
from tests.doors import connected
from tests.http.vendor import Reply, as_json, late, page

pytestmark = [pytest.mark.django_db, pytest.mark.services]

GOOD = {"key": "key_canary_1234"}


def connect(fields=GOOD, *, provider="acme", name="Our things", auth_kind="api_key", environment="lab", **more):
    return services.connect_with_secret(
        provider=provider, name=name, auth_kind=auth_kind, fields=fields, environment=environment, **more
    )


def test_a_key_the_vendor_takes_makes_a_connection_here_and_not_in_the_other_chapter(sydney, melbourne, vendor):
    vendor.on("/v1/me", as_json({"ok": True}))
    with hub.enter(sydney):
        user = User.objects.create(username="ann")
        connection = connect(user=user)
        stored = Connection.objects.get()
        assert stored == connection
        assert (stored.status, stored.connected_by, stored.auth_kind) == ("connected", user, "api_key")
        assert stored.connected_at
        assert stored.last_error == ""
        assert Credential.objects.get().secret.reveal() == '{"key": "key_canary_1234"}'
    with hub.enter(melbourne):
        assert not Connection.objects.exists()
    assert vendor.requests[0].headers["authorization"] == "Bearer key_canary_1234"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "API key is missing."),
        ({"key": "  "}, "API key is missing."),
        ({"key": "hello"}, fakes.HINT),
        ({"key": "key_canary\n1234"}, "characters that cannot be in one"),
        ({"key": "key_cänary"}, "characters that cannot be in one"),
        ({"key": "k" * 3000}, "characters that cannot be in one"),
        ({"key": "key_" + "a" * 41}, fakes.HINT),
    ],
)
def test_what_cannot_be_a_key_is_said_before_anybody_is_asked(sydney, vendor, fields, sentence):
    with hub.enter(sydney):
        with pytest.raises(ConnectError) as caught:
            connect(fields)
        assert sentence in caught.value.fields["key"]
        assert not Connection.objects.exists()
    assert vendor.requests == []


def test_a_key_pasted_with_blanks_around_it_is_taken(sydney, vendor):
    vendor.on("/v1/me", as_json({}))
    with hub.enter(sydney):
        connect({"key": "  key_canary_1234\n"})


def test_a_field_that_is_not_asked_for_is_named(sydney, vendor):
    with hub.enter(sydney), pytest.raises(ConnectError) as caught:
        connect({**GOOD, "url": "https://evil.example"})
    assert caught.value.fields == {"url": "This is not asked for."}


@pytest.mark.parametrize(
    ("reply", "field", "sentence"),
    [
        (as_json({"message": "No such key: key_canary_1234"}, 401), "key", "no longer accepts"),
        (as_json({"message": "scope read missing"}, 403), None, "permission or scope is missing"),
        (page(), None, "web page instead of data"),
        (Reply(500), None, "has a fault of its own"),
        (Reply(404), None, "does not know what was asked for"),
        (Reply(302, b"", {"Location": "https://x.example"}), None, "another address"),
    ],
)
def test_a_key_the_vendor_does_not_take_is_not_kept(sydney, vendor, reply, field, sentence):
    vendor.on("/v1/me", reply)
    with hub.enter(sydney):
        with pytest.raises(ConnectError, match=sentence) as caught:
            connect()
        assert set(caught.value.fields) == ({field} if field else set())
        assert "canary" not in str(caught.value) + str(caught.value.fields)
        assert not Connection.objects.exists()
        assert not Credential.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"environment": "moon"}, "environment"),
    ],
)
def test_a_wrong_name_or_environment_is_said_at_its_field(sydney, vendor, changes, field):
    with hub.enter(sydney), pytest.raises(ConnectError) as caught:
        connect(**changes)
    assert set(caught.value.fields) == {field}


def test_without_a_lab_nobody_connects_to_sample_data(sydney, settings):
    settings.LAB_URL = ""
    with hub.enter(sydney), pytest.raises(ConnectError, match="no lab is running"):
        connect()


def test_a_name_that_is_taken_is_said(sydney, vendor):
    vendor.on("/v1/me", as_json({}))
    with hub.enter(sydney):
        connect()
        with pytest.raises(ConnectError, match="called 'Our things' already") as caught:
            connect()
        assert "name" in caught.value.fields
        connect(name="Our other things")
        assert Connection.objects.count() == 2


def test_of_two_requests_that_make_the_same_name_at_once_the_second_is_told(sydney):
    with hub.enter(sydney):
        rows.keep(rows.find(fakes.ACME, "Our things", "live", None))
        with pytest.raises(ConnectError, match="has just been made") as caught:
            rows.keep(Connection(provider="acme", name="Our things"))
        assert caught.value.fields["name"]
        assert Connection.objects.count() == 1


def test_a_way_to_sign_in_that_the_vendor_does_not_have_is_said(sydney):
    with hub.enter(sydney), pytest.raises(ConnectError, match="not connected that way, but by: api key"):
        connect(auth_kind="oauth2")
    with hub.enter(sydney), pytest.raises(ConnectError, match="by signing in there"):
        connect(provider="ledger", auth_kind="oauth2")


def test_part_of_a_key_fills_the_vendors_address(sydney, vendor):
    vendor.on("/3.0/me", as_json({}))
    with hub.enter(sydney):
        connection = connect({"key": "0123456789abcdef0123456789abcdef-us7"}, provider="mailer")
        assert connection.values == {"dc": "us7"}
    assert vendor.requests[0].host == "us7.api.mailer.example"


def test_a_part_of_the_address_that_nobody_gives_is_asked_for(sydney, vendor):
    fields = services.credential_fields("shop", "basic")
    assert [(field["name"], field["label"], field["secret"]) for field in fields] == [
        ("password", "Password", True),
        ("shop", "Shop", False),
    ]
    with hub.enter(sydney), pytest.raises(ConnectError) as caught:
        connect({"password": "pw", "shop": "evil.example/"}, provider="shop", auth_kind="basic")
    assert set(caught.value.fields) == {"shop"}


def test_the_fields_of_each_kind_of_sign_in():
    def names(provider, kind):
        return [(field["name"], field["secret"]) for field in services.credential_fields(provider, kind)]

    assert names("acme", "api_key") == [("key", True)]
    assert names("plain", "basic") == [("username", False), ("password", True)]
    assert names("plain", "none") == []
    assert names("machine", "client_credentials") == [("client_id", False), ("client_secret", True)]
    assert names("ledger", "oauth2") == []


def test_client_credentials_are_exchanged_for_a_token(sydney, vendor):
    vendor.on("/v1/me", as_json({}))
    with hub.enter(sydney):
        connection = connect(
            {"client_id": "robot", "client_secret": "canary-secret"}, provider="machine", auth_kind="client_credentials"
        )
        token, me = vendor.requests
        assert token.form == {"grant_type": "client_credentials", "scope": "all"}
        assert token.headers["authorization"].startswith("Basic ")
        assert me.headers["authorization"] == "Bearer access-1-canary"
        with open_door(connection) as door:
            door.fetch("GET", "/me")
        assert vendor.requests[-1].headers["authorization"] == "Bearer access-1-canary"


def test_wrong_client_credentials_are_said(sydney, vendor):
    vendor.on("/token", as_json({"error": "invalid_client", "error_description": "canary-secret is wrong"}, 401))
    with hub.enter(sydney), pytest.raises(ConnectError, match="client id and secret") as caught:
        connect(
            {"client_id": "robot", "client_secret": "canary-secret"}, provider="machine", auth_kind="client_credentials"
        )
    assert "canary" not in str(caught.value)


@pytest.fixture
def several(monkeypatch):
    """Acme with accounts."""
    provider = fakes.make(
        accounts=Accounts(path="/accounts", records="data", id="id", name="name", header="Acme-Account")
    )
    from integrations import registry

    monkeypatch.setattr(registry, "all_providers", lambda: {"acme": provider})


def accounts(*names):
    return as_json({"data": [{"id": f"acc-{name.lower()}", "name": name} for name in names]})


def test_the_only_account_is_chosen_and_sent_along(sydney, vendor, several):
    vendor.on("/v1/accounts", accounts("One"))
    vendor.on("/v1/me", as_json({}))
    with hub.enter(sydney):
        connection = connect()
        assert (connection.account_id, connection.account_name, connection.status) == ("acc-one", "One", "connected")
        route = AccountRoute.objects.get(provider="acme", account_id="acc-one")
        assert (route.chapter, route.connection_id) == (sydney, connection.pk)
    assert "acme-account" not in vendor.requests[0].headers
    assert vendor.requests[1].headers["acme-account"] == "acc-one"


def test_of_several_accounts_a_person_chooses_one(sydney, melbourne, vendor, several):
    vendor.on("/v1/accounts", accounts("One", "Two"))
    heard = []

    def hear(sender, connection, **more):
        heard.append(connection.account_id)

    signals.connected.connect(hear)
    try:
        with hub.enter(sydney):
            connection = connect()
            assert connection.status == "disconnected"
            assert heard == []
            assert services.accounts(connection) == [{"id": "acc-one", "name": "One"}, {"id": "acc-two", "name": "Two"}]
            with pytest.raises(ConnectError):
                services.choose_account(connection, "acc-three")
            services.choose_account(connection, "acc-two")
            stored = Connection.objects.get()
            assert (stored.status, stored.account_name) == ("connected", "Two")
    finally:
        signals.connected.disconnect(hear)
    assert heard == ["acc-two"]
    with hub.enter(melbourne):
        assert not Connection.objects.exists()


def test_the_account_may_be_named_at_once(sydney, vendor, several):
    vendor.on("/v1/accounts", accounts("One", "Two"))
    vendor.on("/v1/me", as_json({}))
    with hub.enter(sydney):
        assert connect(account_id="acc-two").status == "connected"
        with pytest.raises(ConnectError, match="not the account asked for"):
            connect(name="Another", account_id="acc-nine")


def test_reconnecting_keeps_the_row_and_resets_its_state(sydney, vendor):
    vendor.on("/v1/me", as_json({}))
    connection = connected(sydney, status="expired", last_error="revoked", settings={"a": 1})
    with hub.enter(sydney):
        again = connect({"key": "key_canary_new"}, connection=connection)
        assert again.pk == connection.pk
        assert (again.status, again.last_error, again.settings) == ("connected", "", {"a": 1})
        assert Credential.objects.get().secret.reveal() == '{"key": "key_canary_new"}'


def test_reconnecting_to_another_account_is_refused_and_changes_nothing(sydney, vendor, several):
    vendor.on("/v1/accounts", accounts("Two"))
    connection = connected(sydney, account_id="acc-one", account_name="One", status="expired")
    with hub.enter(sydney):
        with pytest.raises(ConnectError, match="opens 'Two', but 'Our things' belongs to the Acme account 'One'"):
            connect({"key": "key_canary_new"}, connection=connection)
        assert Credential.objects.get().secret.reveal() == '{"key": "key_canary_1234"}'
        assert Connection.objects.get().status == "expired"


def test_testing_says_how_it_went(sydney, vendor):
    vendor.on("/v1/me", late(0.05, as_json({})))
    connection = connected(sydney)
    with hub.enter(sydney):
        result = services.test(connection)
    assert result.ok
    assert result.milliseconds >= 50
    assert result.message == f"Acme answered in {result.milliseconds} ms."


@pytest.mark.parametrize(
    ("reply", "before", "after"),
    [
        (as_json({}, 401), "connected", "expired"),
        (as_json({}, 403), "connected", "error"),
        (as_json({}, 500), "connected", "connected"),
        (as_json({}), "error", "connected"),
        (as_json({}), "expired", "connected"),
        (as_json({}, 401), "disconnected", "disconnected"),
    ],
)
def test_what_a_test_finds_is_kept_in_the_status(sydney, vendor, reply, before, after):
    vendor.on("/v1/me", reply)
    connection = connected(sydney, status=before, last_error="old" if before != "connected" else "")
    with hub.enter(sydney):
        result = services.test(connection)
        stored = Connection.objects.get()
    assert stored.status == after == connection.status
    assert result.ok == (reply.status == 200)
    if result.ok:
        assert stored.last_error == ""


def test_each_change_of_status_is_told_once_with_what_it_was(sydney, vendor):
    heard = []

    def hear(sender, connection, previous, **more):
        heard.append((previous, connection.status))

    signals.status_changed.connect(hear)
    try:
        vendor.on("/v1/me", as_json({}, 401))
        connection = connected(sydney)
        with hub.enter(sydney):
            before = connection.status_since
            services.test(connection)
            assert connection.status_since > before
            services.test(connection)
    finally:
        signals.status_changed.disconnect(hear)
    assert heard == [("connected", "expired")]


def test_disconnecting_wipes_the_secret_and_keeps_the_row(sydney, melbourne, vendor):
    from datetime import UTC, datetime, timedelta

    from integrations.hub.models import Due

    ours, theirs = connected(sydney, account_id="a"), connected(melbourne, account_id="a")
    for chapter, connection in ((sydney, ours), (melbourne, theirs)):
        AccountRoute.objects.create(provider="acme", account_id="a", chapter=chapter, connection_id=connection.pk)
        Due.objects.create(
            chapter_id=chapter.pk,
            connection_id=connection.pk,
            resource="things",
            every=timedelta(minutes=5),
            due_at=datetime.now(UTC),
        )
    heard = []

    def hear(sender, connection, user, **more):
        heard.append((connection.pk, user))

    signals.disconnected.connect(hear)
    try:
        with hub.enter(sydney):
            services.disconnect(ours, user="ann")
            assert Connection.objects.get().status == "disconnected"
            assert not Credential.objects.exists()
            services.disconnect(ours)  # twice does no harm
    finally:
        signals.disconnected.disconnect(hear)
    assert heard[0] == (ours.pk, "ann")
    assert AccountRoute.objects.get().connection_id == theirs.pk
    assert Due.objects.get().connection_id == theirs.pk
    with hub.enter(melbourne):
        assert Credential.objects.exists()
