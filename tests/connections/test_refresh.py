"""A valid token, whoever asks and however many ask at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from integrations import hub
from integrations.connections import credentials, oauth2, provider_apps, services, signals
from integrations.connections.models import Connection, Credential
from integrations.http import open_door
from integrations.provider import AuthExpired, Permanent, Temporary
from tests import fakes
from tests.http.vendor import Reply, as_json, half, page

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def signed_in(chapter, vendor, provider=fakes.LEDGER, **changes):
    """A connection as signing in leaves it, with a token that has just ended."""
    with hub.enter(chapter):
        app = provider_apps.find(provider, "lab", chapter)
        connection = Connection.objects.create(
            provider=provider.slug,
            name="Our ledger",
            environment="lab",
            auth_kind="oauth2",
            status="connected",
            account_id="org-1",
            app_id=app.pk,
            **changes,
        )
        credentials.save(
            connection,
            {"access_token": "access-0-canary", "refresh_token": "refresh-0-canary"},
            expires_at=timezone.now() - timedelta(seconds=1),
            scopes=["read", "offline"],
        )
    vendor.idp.refresh_token = "refresh-0-canary"
    return connection


@pytest.fixture
def ours(lasting, vendor):
    return signed_in(lasting["sydney"], vendor)


@pytest.fixture
def sydney(lasting):
    return lasting["sydney"]


@pytest.fixture
def melbourne(lasting):
    return lasting["melbourne"]


def kept(chapter):
    with hub.enter(chapter):
        return credentials.opened(Credential.objects.get())


def ends(chapter, seconds):
    with hub.enter(chapter):
        Credential.objects.update(expires_at=timezone.now() + timedelta(seconds=seconds))


@pytest.mark.xdist_group("crowd")
def test_fifty_callers_at_once_make_one_refresh(sydney, ours, vendor):
    vendor.idp.slowness = 0.3
    start = threading.Barrier(50)

    def ask(_):
        try:
            start.wait()
            with hub.enter(sydney):
                return oauth2.access_token(ours).reveal()
        finally:
            database.close()

    with ThreadPoolExecutor(50) as pool:
        tokens = set(pool.map(ask, range(50)))
    assert vendor.idp.refreshes == 1
    assert tokens == {"access-1-canary"}
    assert kept(sydney) == {"access_token": "access-1-canary", "refresh_token": "refresh-1-canary"}


def test_callers_of_other_processes_wait_for_the_row(sydney, ours, vendor):
    """The queue of this process is gone around: each caller stands for a process."""
    from integrations.connections.apart import apart

    vendor.idp.slowness = 0.3

    def ask(_):
        return apart(sydney.pk, lambda: oauth2._under_lock(ours.pk, None, probe=False)).access.reveal()

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(ask, range(20))) == {"access-1-canary"}
    assert vendor.idp.refreshes == 1


def test_a_way_to_sign_in_that_is_gone_is_kept_in_the_status(sydney, ours, vendor):
    with hub.enter(sydney):
        Connection.objects.update(auth_kind="magic")
        with pytest.raises(AuthExpired, match=r"no longer connected by 'magic' \(chapter Sydney"):
            oauth2.access_token(ours)
        ours.refresh_from_db()
    assert ours.status == "expired"
    assert "Reconnect it." in ours.last_error
    assert kept(sydney)["refresh_token"] == "refresh-0-canary"
    assert vendor.idp.refreshes == 0


def test_what_is_refreshed_shows_no_secret_of_itself(sydney, ours):
    with hub.enter(sydney):
        refresh = oauth2._Refresh.of(Connection.objects.get(), Credential.objects.get())
        assert "canary" not in repr(refresh)


def test_a_row_that_stays_locked_is_not_waited_for_for_ever(sydney, ours, vendor, monkeypatch):
    monkeypatch.setattr(oauth2, "LONGEST_WAIT", "100ms")
    with hub.enter(sydney), transaction.atomic():
        Credential.objects.select_for_update().get()
        with pytest.raises(Temporary, match="under renewal elsewhere"):
            oauth2.access_token(ours)
    assert vendor.requests == []


def test_the_rotated_token_is_used_the_next_time(sydney, ours, vendor):
    for expected in ("access-1-canary", "access-2-canary", "access-3-canary"):
        ends(sydney, -1)
        with hub.enter(sydney):
            assert oauth2.access_token(ours).reveal() == expected
    assert vendor.idp.refreshes == 3


def test_a_token_that_is_still_good_is_not_refreshed(sydney, ours, vendor):
    ends(sydney, 600)
    with hub.enter(sydney):
        assert oauth2.access_token(ours).reveal() == "access-0-canary"
    assert vendor.requests == []


def test_a_token_that_ends_in_a_minute_is_refreshed_first(sydney, ours, vendor):
    with hub.enter(sydney):
        Credential.objects.update(
            expires_at=timezone.now() + timedelta(seconds=60), refreshed_at=timezone.now() - timedelta(minutes=30)
        )
        assert oauth2.access_token(ours).reveal() == "access-1-canary"


def test_the_other_chapters_connection_is_not_touched(sydney, melbourne, ours, vendor):
    theirs = signed_in(melbourne, vendor)
    before = kept(melbourne)
    with hub.enter(sydney):
        oauth2.access_token(ours)
    assert kept(melbourne) == before
    with hub.enter(melbourne), pytest.raises(AuthExpired):
        oauth2.access_token(ours)  # no such row here
    with hub.enter(melbourne):
        assert Connection.objects.get().pk == theirs.pk


def test_a_refreshed_token_stays_saved_when_the_caller_rolls_back(sydney, ours, vendor):
    with hub.enter(sydney):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            Connection.objects.filter(pk=ours.pk).update(settings={"half": "done"})
            oauth2.access_token(ours)
            raise ZeroDivisionError
        assert Connection.objects.get().settings == {}
    assert kept(sydney)["refresh_token"] == "refresh-1-canary"


def test_a_thread_that_fetches_pages_gets_a_fresh_token_without_the_orm(sydney, ours, vendor):
    vendor.on("/v1/things", as_json({"things": []}))
    ends(sydney, 600)
    with hub.enter(sydney), open_door(ours) as door, ThreadPoolExecutor(1) as pool:
        door._keys._token = oauth2.Token(
            access=door._keys._token.access, obtained_at=None, expires_at=timezone.now() - timedelta(seconds=1)
        )
        ends_now = Credential.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert ends_now == 1
        pool.submit(door.fetch, "GET", "/things").result()
        assert pool.submit(lambda: database.connection).result() is None
    assert vendor.requests[-1].headers["authorization"] == "Bearer access-1-canary"


def test_a_token_the_vendor_refuses_is_refreshed_once_and_the_request_repeated(sydney, ours, vendor):
    ends(sydney, 600)

    def answer(seen):
        return as_json({"ok": 1}) if seen.headers["authorization"] == "Bearer access-1-canary" else as_json({}, 401)

    vendor.on("/v1/things", answer)
    with hub.enter(sydney), open_door(ours) as door:
        assert door.request("POST", "/things", json={"a": 1}) == {"ok": 1}
    assert [seen.body for seen in vendor.requests if seen.path == "/v1/things"] == [b'{"a": 1}'] * 2


def test_a_token_that_is_refused_again_after_a_refresh_is_the_end(sydney, ours, vendor):
    ends(sydney, 600)
    vendor.on("/v1/things", as_json({"message": "revoked"}, 401))
    with hub.enter(sydney):
        with pytest.raises(AuthExpired, match="Reconnect it"), open_door(ours) as door:
            door.fetch("GET", "/things")
        assert Connection.objects.get().status == "expired"
    assert vendor.idp.refreshes == 1
    assert vendor.count("/v1/things") == 2


def test_a_revoked_token_marks_the_connection_expired_and_deletes_nothing(sydney, melbourne, ours, vendor):
    signed_in(melbourne, vendor)
    vendor.idp.refresh_token = "another"
    heard = []

    def hear(sender, connection, previous, **more):
        heard.append((previous, connection.status, hub.current().slug))

    signals.status_changed.connect(hear)
    try:
        with hub.enter(sydney):
            with pytest.raises(
                AuthExpired, match=r"Ledger no longer accepts this sign-in \(chapter Sydney, .* Reconnect it"
            ):
                oauth2.access_token(ours)
            stored = Connection.objects.get()
    finally:
        signals.status_changed.disconnect(hear)
    assert stored.status == "expired"
    assert "“The refresh token is not valid”" in stored.last_error
    assert "canary" not in stored.last_error
    assert heard == [("connected", "expired", "sydney")]
    assert kept(sydney)["refresh_token"] == "refresh-0-canary"
    with hub.enter(melbourne):
        assert Connection.objects.get().status == "connected"


def test_an_expired_connection_does_not_ask_the_vendor_again(sydney, ours, vendor):
    vendor.idp.refresh_token = "another"
    with hub.enter(sydney):
        for _ in range(3):
            with pytest.raises(AuthExpired):
                oauth2.access_token(ours)
    assert vendor.count("/token") == 1


@pytest.mark.xdist_group("crowd")
def test_fifty_callers_at_once_ask_about_a_revoked_token_once(sydney, ours, vendor):
    vendor.idp.refresh_token = "another"

    def ask(_):
        try:
            with hub.enter(sydney):
                oauth2.access_token(ours)
        except AuthExpired:
            return "expired"
        finally:
            database.close()

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(ask, range(50))) == {"expired"}
    assert vendor.count("/token") == 1


def test_a_person_who_tests_an_expired_connection_tries_again(sydney, ours, vendor):
    vendor.idp.refresh_token = "another"
    vendor.on("/v1/me", as_json({}))
    with hub.enter(sydney):
        with pytest.raises(AuthExpired):
            oauth2.access_token(ours)
        vendor.idp.refresh_token = "refresh-0-canary"  # the vendor changed its mind
        ours.refresh_from_db()
        assert services.test(ours).ok
        assert Connection.objects.get().status == "connected"


def test_a_lost_answer_is_asked_for_again_where_the_vendor_forgives(sydney, ours, vendor):
    vendor.idp.forgives = True
    vendor.idp.lose_answers = 1
    with hub.enter(sydney):
        assert oauth2.access_token(ours).reveal() == "access-2-canary"
    assert kept(sydney)["refresh_token"] == "refresh-2-canary"


def test_an_answer_lost_twice_leaves_the_old_token_to_be_tried_later(sydney, ours, vendor):
    vendor.idp.forgives = True
    vendor.idp.lose_answers = 2
    # The one before the newest is forgiven; ours is two behind after two losses, so the vendor must not rotate twice.
    with hub.enter(sydney):
        with pytest.raises(Temporary):
            oauth2.access_token(ours)
        assert Connection.objects.get().status == "connected"
    assert kept(sydney)["refresh_token"] == "refresh-0-canary"
    assert "lost_at" in kept(sydney)
    with hub.enter(sydney):
        assert oauth2.access_token(ours).reveal() == "access-3-canary"
    assert "lost_at" not in kept(sydney)


def test_a_lost_answer_that_is_never_forgiven_says_so(lasting, vendor):
    sydney = lasting["sydney"]
    ours = signed_in(sydney, vendor, fakes.STRICT)
    vendor.idp.lose_answers = 1
    with hub.enter(sydney):
        with pytest.raises(Temporary):
            oauth2.access_token(ours)
        assert vendor.count("/token") == 1  # where nothing is forgiven the same request is not sent twice
        with pytest.raises(AuthExpired, match=r"The answer to a renewal was lost at 20\d\d-"):
            oauth2.access_token(ours)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(500), Temporary),
        (page(), Temporary),
        (page(403), Temporary),
        (half(), Temporary),
        (as_json({"access_token": None}), Temporary),
        (as_json({"error": "invalid_client"}, 401), Permanent),
    ],
)
def test_trouble_at_the_vendor_does_not_cost_the_sign_in(sydney, ours, vendor, reply, error):
    vendor.on("/token", reply)
    with hub.enter(sydney):
        with pytest.raises(error) as caught:
            oauth2.access_token(ours)
        assert "canary" not in str(caught.value)
        assert Connection.objects.get().status == "connected"
    assert kept(sydney)["refresh_token"] == "refresh-0-canary"


def test_an_answer_with_an_extra_scope_is_taken_and_a_missing_one_remembered(sydney, ours, vendor):
    vendor.idp.granted = "read extra"
    with hub.enter(sydney):
        oauth2.access_token(ours)
        credential = Credential.objects.get()
    assert credential.scopes == ["extra", "read"]
    assert credential.missing_scopes == ["offline"]
    assert kept(sydney)["refresh_token"] == "refresh-1-canary"


def test_a_vendor_that_does_not_rotate_keeps_its_refresh_token(sydney, ours, vendor):
    vendor.on("/token", as_json({"access_token": "access-x-canary", "token_type": "Bearer", "expires_in": 60}))
    with hub.enter(sydney):
        oauth2.access_token(ours)
    assert kept(sydney) == {"access_token": "access-x-canary", "refresh_token": "refresh-0-canary"}


def test_an_app_that_is_gone_asks_to_reconnect(sydney, ours, vendor):
    provider_apps.ProviderApp.objects.all().delete()
    with hub.enter(sydney):
        with pytest.raises(AuthExpired, match="no longer registered: reconnect it"):
            oauth2.access_token(ours)
        assert Connection.objects.get().status == "expired"


def test_disconnecting_during_a_refresh_leaves_no_token_behind(sydney, ours, vendor):
    vendor.idp.slowness = 0.5

    def refresh():
        try:
            with hub.enter(sydney):
                return oauth2.access_token(ours)
        finally:
            database.close()

    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(refresh)
        while not vendor.count("/token"):
            pass
        with hub.enter(sydney):
            services.disconnect(Connection.objects.get())
        pending.result()
    with hub.enter(sydney):
        assert not Credential.objects.exists()
        assert Connection.objects.get().status == "disconnected"
        with pytest.raises(AuthExpired, match="connect it again"):
            oauth2.access_token(ours)
        assert Connection.objects.get().status == "disconnected"


def test_client_credentials_are_renewed_with_what_was_typed_in(sydney, vendor):
    vendor.on("/v1/me", as_json({}))
    with hub.enter(sydney):
        connection = services.connect_with_secret(
            provider="machine",
            name="Robot",
            auth_kind="client_credentials",
            fields={"client_id": "robot", "client_secret": "canary-secret"},
            environment="lab",
        )
        Credential.objects.update(expires_at=timezone.now())
        with open_door(connection) as door:
            door.fetch("GET", "/me")
    assert vendor.requests[-1].headers["authorization"] == "Bearer access-2-canary"
    assert kept(sydney)["client_secret"] == "canary-secret"


def test_no_secret_is_in_a_log_an_error_or_the_row(sydney, ours, vendor, caplog):
    import logging
    import traceback

    caplog.set_level(logging.DEBUG)
    for name in ("requests_oauthlib", "requests_oauthlib.oauth2_session", "oauthlib", "urllib3"):
        caplog.set_level(logging.DEBUG, logger=name)
    found = []
    replies = [
        half(),
        Reply(500),
        as_json({"error": "invalid_grant", "error_description": "refresh-0-canary is used"}, 400),
    ]
    for reply in replies:
        vendor.on("/token", reply)
        with hub.enter(sydney), pytest.raises((Temporary, AuthExpired)) as caught:
            oauth2.access_token(ours)
        found.append("".join(traceback.format_exception(caught.value)))
    with hub.enter(sydney):
        found += [Connection.objects.get().last_error, repr(Credential.objects.get().__dict__), repr(ours.__dict__)]
    found += [record.getMessage() for record in caplog.records]
    assert len(found) > 5
    assert not [text for text in found if "-0-canary" in text]
