"""A person comes back from the vendor, and what they bring is exchanged for tokens."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from integrations import hub
from integrations.connections import credentials, services
from integrations.connections.models import Connection, Credential
from integrations.connections.services import ConnectError
from integrations.http import open_door
from integrations.hub.models import AccountRoute, OAuthState, ProviderApp
from tests.http.vendor import Reply, as_json, half, page

from .conftest import BROWSER, app, begin, query, refused

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def test_coming_back_makes_a_connection_of_this_chapter_only(sydney, melbourne, ledger):
    with hub.enter(sydney):
        user = User.objects.create(username="ann")
        back = ledger.idp.approve(begin(user))
        connection = services.finish_oauth(params=back, browser=BROWSER, user=user)
        stored = Connection.objects.get()
        assert stored == connection
        assert (stored.status, stored.account_id, stored.account_name) == ("connected", "org-1", "Sydney Pty Ltd")
        assert (stored.connected_by, stored.auth_kind) == (user, "oauth2")
        credential = Credential.objects.get()
        assert credentials.opened(credential) == {
            "access_token": "access-2-canary",
            "refresh_token": "refresh-2-canary",
        }
        assert credential.expires_at - credential.refreshed_at == pytest.approx(
            timedelta(minutes=30), abs=timedelta(seconds=5)
        )
        assert credential.scopes == ["offline", "read"]
        assert credential.missing_scopes == []
        with open_door(connection) as door:
            ledger.on("/v1/things", as_json({}))
            door.fetch("GET", "/things")
    seen = ledger.requests[-1]
    assert seen.headers["authorization"] == "Bearer access-2-canary"
    assert seen.headers["ledger-account"] == "org-1"
    route = AccountRoute.objects.get()
    assert (route.provider, route.account_id, route.chapter) == ("ledger", "org-1", sydney)
    with hub.enter(melbourne):
        assert not Connection.objects.exists()


def test_it_may_be_finished_at_the_hub_too(sydney, ledger):
    with hub.enter(sydney):
        back = ledger.idp.approve(begin())
    connection = services.finish_oauth(params=back, browser=BROWSER)
    assert connection.status == "connected"
    assert hub.current() is None


def test_a_state_is_good_once(sydney, ledger):
    with hub.enter(sydney):
        back = ledger.idp.approve(begin())
        services.finish_oauth(params=back, browser=BROWSER)
        with refused():
            services.finish_oauth(params=back, browser=BROWSER)
    assert ledger.count("/token") == 1


@pytest.mark.django_db(transaction=True)
def test_of_ten_who_bring_the_same_state_one_gets_it(committed, ledger):
    from django.db import connection as database

    chapter = committed["sydney"]
    with hub.enter(chapter):
        back = ledger.idp.approve(begin())

    def bring(_):
        try:
            with hub.enter(chapter):
                return services.finish_oauth(params=back, browser=BROWSER).status
        except ConnectError:
            return "refused"
        finally:
            database.close()

    with ThreadPoolExecutor(10) as pool:
        outcomes = list(pool.map(bring, range(10)))
    assert sorted(outcomes) == ["connected"] + ["refused"] * 9
    assert ledger.count("/token") == 1


@pytest.mark.parametrize("browser", ["c" * 43, "", "b", BROWSER + "b"])
def test_another_browser_is_refused_and_the_right_one_still_gets_in(sydney, ledger, browser):
    with hub.enter(sydney):
        back = ledger.idp.approve(begin())
        with refused():
            services.finish_oauth(params=back, browser=browser)
        assert not Credential.objects.exists()
        assert services.finish_oauth(params=back, browser=BROWSER).status == "connected"


def test_another_person_is_refused(sydney, ledger):
    with hub.enter(sydney):
        ann, bob = User.objects.create(username="ann"), User.objects.create(username="bob")
        back = ledger.idp.approve(begin(ann))
        with refused():
            services.finish_oauth(params=back, browser=BROWSER, user=bob)


def test_another_chapter_is_refused(sydney, melbourne, ledger):
    with hub.enter(sydney):
        back = ledger.idp.approve(begin())
    with hub.enter(melbourne), refused():
        services.finish_oauth(params=back, browser=BROWSER)
    assert ledger.count("/token") == 0


def test_what_was_begun_for_one_vendor_is_not_ended_as_anothers(sydney, ledger):
    with hub.enter(sydney):
        back = ledger.idp.approve(begin())
        with refused():
            services.finish_oauth(params=back, browser=BROWSER, provider="strict")
    assert ledger.count("/token") == 0


def test_after_ten_minutes_it_is_too_late(sydney, ledger):
    with hub.enter(sydney):
        back = ledger.idp.approve(begin())
        state = OAuthState.objects.get()
        OAuthState.objects.update(created_at=state.created_at - timedelta(minutes=10, seconds=1))
        with refused():
            services.finish_oauth(params=back, browser=BROWSER)


@pytest.mark.parametrize("state", ["", "x", "\x00", "\ud800", "a" * 10_000])
def test_a_state_of_nobody_is_refused(sydney, ledger, state):
    with hub.enter(sydney), refused():
        services.finish_oauth(params={"state": state, "code": "c"}, browser=BROWSER)


def test_a_verifier_that_does_not_match_is_refused_by_the_vendor(sydney, ledger):
    with hub.enter(sydney):
        one, two = ledger.idp.approve(begin()), ledger.idp.approve(begin(name="Another"))
        with pytest.raises(ConnectError, match=r"did not take the approval.*The verifier does not match"):
            services.finish_oauth(params={"state": one["state"], "code": two["code"]}, browser=BROWSER)
        assert not Credential.objects.exists()


@pytest.mark.parametrize("params", [{"error": "access_denied", "error_description": "<script>"}, {}, {"code": ""}])
def test_a_person_who_does_not_approve_changes_nothing(sydney, ledger, params):
    with hub.enter(sydney):
        state = query(begin())["state"]
        with pytest.raises(ConnectError, match=r"was not approved there. 'Our ledger' is as it was before") as caught:
            services.finish_oauth(params={**params, "state": state}, browser=BROWSER)
        assert "script" not in str(caught.value)
        with refused():
            services.finish_oauth(params={"code": "c", "state": state}, browser=BROWSER)


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (page(), "answered without a token"),
        (page(403), "answered without a token"),
        (Reply(500), "has a fault of its own"),
        (half(), "broke off"),
        (as_json({"ok": True}), "answered without a token"),
        (as_json(["x"]), "answered without a token"),
        (as_json({"access_token": 7}), "answered without a token"),
        (as_json({"access_token": "a\nb"}), "answered without a token"),
        (as_json({"error": "invalid_client"}, 401), "client id and secret of the app"),
        (Reply(401), "client id and secret of the app"),
        (as_json({"error": "temporarily_unavailable"}, 400), "cannot sign anybody in at the moment"),
        (as_json({"error": "odd", "error_description": "access_token=canary"}, 400), "refused the sign-in"),
        (Reply(429, headers={"Retry-After": "9"}), "was asked too often"),
        (Reply(302, b"", {"Location": "https://x.example"}), "another address"),
    ],
)
def test_what_a_vendor_answers_instead_of_a_token_is_said(sydney, ledger, reply, sentence):
    ledger.on("/token", reply)
    with hub.enter(sydney):
        back = ledger.idp.approve(begin())
        with pytest.raises(ConnectError, match=sentence) as caught:
            services.finish_oauth(params=back, browser=BROWSER)
        assert "canary" not in str(caught.value)
        assert not Credential.objects.exists()


def test_a_lifetime_that_comes_as_text_is_read(sydney, ledger):
    ledger.on("/token", as_json({"access_token": "a-canary", "token_type": "Bearer", "expires_in": "600"}))
    with hub.enter(sydney):
        services.finish_oauth(params=ledger.idp.approve(begin()), browser=BROWSER)
        credential = Credential.objects.get()
        assert (credential.expires_at - credential.refreshed_at).total_seconds() == pytest.approx(600, abs=5)


@pytest.mark.parametrize("lifetime", ["1e300", "9" * 300, "9" * 400, "Infinity", "NaN", '"soon"', '"%s"' % ("9" * 300)])
def test_a_lifetime_that_is_none_is_no_error(sydney, ledger, lifetime):
    body = f'{{"access_token": "a-canary", "token_type": "Bearer", "expires_in": {lifetime}}}'
    ledger.on("/token", Reply(200, body.encode(), {"Content-Type": "application/json"}))
    with hub.enter(sydney):
        services.finish_oauth(params=ledger.idp.approve(begin()), browser=BROWSER)
        ends = Credential.objects.get().expires_at
        assert ends is None or ends.year > 2030


def test_a_secret_is_told_only_to_the_vendor_and_environment_it_is_registered_for(sydney, ledger):
    """An attempt that was begun again in another environment, and ended with the address of the first."""
    app(client_id="live-app")
    with hub.enter(sydney):
        begin(name="One")
        state = ledger.idp.approve(begin())
        OAuthState.objects.update(app_id=ProviderApp.objects.get(client_id="live-app").pk)
        with pytest.raises(ConnectError, match="no longer registered"):
            services.finish_oauth(params=state, browser=BROWSER)
    assert ledger.count("/token") == 0


@pytest.mark.parametrize(
    ("granted", "scopes", "missing"),
    [
        ("read offline", ["offline", "read"], []),
        ("read offline admin extra", ["admin", "extra", "offline", "read"], []),
        ("read", ["read"], ["offline"]),
        ("read,offline", ["offline", "read"], []),
        ("", ["offline", "read"], []),
    ],
)
def test_an_extra_scope_is_no_error_and_a_missing_one_is_kept(sydney, ledger, granted, scopes, missing):
    ledger.idp.granted = granted
    with hub.enter(sydney):
        connection = services.finish_oauth(params=ledger.idp.approve(begin()), browser=BROWSER)
        credential = Credential.objects.get()
    assert connection.status == "connected"
    assert credential.scopes == scopes
    assert credential.missing_scopes == missing


def test_the_app_that_began_a_sign_in_ends_it(sydney, ledger):
    with hub.enter(sydney):
        back = ledger.idp.approve(begin())
        ProviderApp.objects.create(
            provider="ledger", environment="lab", chapter=sydney, client_id="later", client_secret="x"
        )
        connection = services.finish_oauth(params=back, browser=BROWSER)
    assert ProviderApp.objects.get(pk=connection.app_id).client_id == "lab"
