"""Signing in at the vendor and coming back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client

from integrations import hub, registry
from integrations.connections import credentials, services
from integrations.connections.models import Connection, Credential
from integrations.connections.services import ConnectError
from integrations.http import open_door
from integrations.hub.models import AccountRoute, Chapter, OAuthState, ProviderApp
from integrations.provider import AuthExpired, Permanent
from tests.http.vendor import Reply, as_json, half, page

pytestmark = [pytest.mark.django_db, pytest.mark.services]

BROWSER = "b" * 43


@pytest.fixture
def ledger(vendor):
    """A vendor with one account, that signs people in."""
    vendor.on("/accounts", as_json([{"id": "org-1", "name": "Sydney Pty Ltd"}]))
    return vendor


def begin(
    user=None, *, provider="ledger", name="Our ledger", browser=BROWSER, return_to="/marketplace/ledger/", **more
):
    return services.begin_oauth(
        provider=provider, name=name, environment="lab", user=user, browser=browser, return_to=return_to, **more
    )


def query(address):
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def refused(match="begun elsewhere, has been used already"):
    return pytest.raises(ConnectError, match=match)


def test_a_person_is_sent_to_the_vendor_with_state_challenge_and_the_scopes_to_read(sydney, ledger):
    with hub.enter(sydney):
        address = begin()
    asked = query(address)
    assert address.startswith(f"{ledger.url}/login.ledger.example/authorize?")
    assert asked["response_type"] == "code"
    assert asked["client_id"] == "lab"
    assert asked["redirect_uri"] == "http://hub.localhost/oauth/callback"
    assert asked["scope"] == "read offline"
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["state"]) >= 43
    state = OAuthState.objects.get()
    assert asked["state"] not in {state.state_hash, state.browser_hash, state.return_to}
    assert BROWSER not in state.browser_hash
    with hub.enter(sydney):
        assert Connection.objects.get().status == "disconnected"


def test_the_scopes_to_write_are_asked_for_when_wished(sydney, ledger):
    with hub.enter(sydney):
        assert query(begin(write=True))["scope"] == "read offline write"
        assert query(begin())["scope"] == "read offline write"  # the connection is set to it now
        assert query(begin(write=False))["scope"] == "read offline"


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


def test_a_browser_without_a_cookie_cannot_begin(sydney, ledger):
    with hub.enter(sydney), pytest.raises(ConnectError, match="Allow cookies"):
        begin(browser="")


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


def test_an_attempt_that_waits_for_its_account_is_not_begun_again_elsewhere(sydney, vendor):
    """Its tokens would be sent to the other environment's address."""
    vendor.on("/accounts", as_json([{"id": "org-1", "name": "One"}, {"id": "org-2", "name": "Two"}]))
    app(environment="sandbox")
    with hub.enter(sydney):
        services.finish_oauth(params=vendor.idp.approve(begin()), browser=BROWSER)
        with pytest.raises(ConnectError, match="waits for its account") as caught:
            services.begin_oauth(
                provider="ledger", name="Our ledger", environment="sandbox", user=None, browser=BROWSER, return_to="/"
            )
        assert caught.value.fields["name"]
        assert Connection.objects.get().environment == "lab"


# --- what is no longer declared ---------------------------------------------------------------------------------------


def test_a_way_to_sign_in_that_the_provider_no_longer_has_asks_to_reconnect(sydney, ledger):
    with hub.enter(sydney):
        back = ledger.idp.approve(begin())
        connection = services.finish_oauth(params=ledger.idp.approve(begin(name="Other")), browser=BROWSER)
        Connection.objects.update(auth_kind="basic")
        connection.refresh_from_db()
        with pytest.raises(
            AuthExpired, match=r"no longer connected by 'basic' .*chapter Sydney.*'Other'.*Reconnect it"
        ):
            services.accounts(connection)
        with pytest.raises(ConnectError, match="Reconnect it"):
            services.choose_account(connection, "org-1")
        result = services.test(connection)
        assert (result.ok, connection.status) == (False, "expired")
        assert services.finish_oauth(params=back, browser=BROWSER).status == "connected"
        services.disconnect(connection)
        assert connection.status == "disconnected"


def test_a_provider_that_is_no_longer_installed_is_said(sydney, ledger, monkeypatch):
    with hub.enter(sydney):
        back = ledger.idp.approve(begin(name="Begun"))
        connection = services.finish_oauth(params=ledger.idp.approve(begin()), browser=BROWSER)
        monkeypatch.setattr(registry, "all_providers", dict)
        gone = pytest.raises(ConnectError, match="'ledger' is not installed here")
        with gone:
            services.choose_account(connection, "org-1")
        with gone:
            services.finish_oauth(params=back, browser=BROWSER)
        with gone:
            begin(connection=connection)
        with gone:
            services.credential_fields("ledger", "oauth2")
        assert "not installed here any more (chapter Sydney" in services.test(connection).message
        with pytest.raises(Permanent, match="not installed"), open_door(connection):
            pass
        services.disconnect(connection)
        assert not Credential.objects.exists()


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


def test_a_look_up_after_the_sign_in_fills_the_address(sydney, vendor):
    vendor.on("/metadata", as_json({"dc": "us9", "login": {"email": "x"}}))
    with hub.enter(sydney):
        connection = services.finish_oauth(params=vendor.idp.approve(begin(provider="mailer")), browser=BROWSER)
        assert connection.values == {"dc": "us9"}
        with open_door(connection) as door:
            assert door.base_url == "https://us9.api.mailer.example/3.0"
    look_up = vendor.requests[-1]
    assert look_up.headers["authorization"] == "OAuth access-2-canary"
    assert "code_verifier" not in vendor.requests[0].form


def test_a_look_up_that_names_another_host_is_refused(sydney, vendor):
    vendor.on("/metadata", as_json({"dc": "evil.example/"}))
    with hub.enter(sydney):
        with pytest.raises(ConnectError, match="needs the value 'dc'"):
            services.finish_oauth(params=vendor.idp.approve(begin(provider="mailer")), browser=BROWSER)
        assert not Credential.objects.exists()


def test_of_several_accounts_a_person_chooses(sydney, vendor):
    vendor.on("/accounts", as_json([{"id": "org-1", "name": "One"}, {"id": "org-2", "name": "Two"}]))
    with hub.enter(sydney):
        connection = services.finish_oauth(params=vendor.idp.approve(begin()), browser=BROWSER)
        assert (connection.status, connection.account_id) == ("disconnected", "")
        assert not AccountRoute.objects.exists()
        assert [account["name"] for account in services.accounts(connection)] == ["One", "Two"]
        services.choose_account(connection, "org-2")
        assert (connection.status, connection.account_id) == ("connected", "org-2")
        assert AccountRoute.objects.get().account_id == "org-2"
        # Signing in again chooses the same one by itself.
        again = begin(connection=connection)
        assert services.finish_oauth(params=vendor.idp.approve(again), browser=BROWSER).account_id == "org-2"


def test_a_sign_in_without_any_account_is_said(sydney, vendor):
    vendor.on("/accounts", as_json([]))
    with hub.enter(sydney):
        with pytest.raises(ConnectError, match="opens no Ledger account"):
            services.finish_oauth(params=vendor.idp.approve(begin()), browser=BROWSER)
        assert not Credential.objects.exists()


def test_reconnecting_to_another_account_is_refused_and_the_old_sign_in_stays(sydney, ledger):
    with hub.enter(sydney):
        connection = services.finish_oauth(params=ledger.idp.approve(begin()), browser=BROWSER)
        kept = credentials.opened(Credential.objects.get())
        ledger.on("/accounts", as_json([{"id": "org-7", "name": "Perth"}]))
        with pytest.raises(ConnectError, match=r"opens 'Perth', but 'Our ledger' belongs to .* 'Sydney Pty Ltd'"):
            services.finish_oauth(params=ledger.idp.approve(begin(connection=connection)), browser=BROWSER)
        assert credentials.opened(Credential.objects.get()) == kept


def test_reconnecting_resets_an_expired_connection(sydney, ledger):
    with hub.enter(sydney):
        connection = services.finish_oauth(params=ledger.idp.approve(begin()), browser=BROWSER)
        Connection.objects.update(status="expired", last_error="revoked")
        again = services.finish_oauth(params=ledger.idp.approve(begin(connection=connection)), browser=BROWSER)
        assert again.pk == connection.pk
        assert (again.status, again.last_error) == ("connected", "")


def test_an_attempt_that_was_left_unfinished_may_be_begun_again_under_its_name(sydney, ledger):
    with hub.enter(sydney):
        begin()
        back = ledger.idp.approve(begin())
        services.finish_oauth(params=back, browser=BROWSER)
        assert Connection.objects.count() == 1
        with pytest.raises(ConnectError, match="called 'Our ledger' already"):
            begin()


def test_disconnecting_revokes_at_the_vendor(sydney, ledger):
    with hub.enter(sydney):
        connection = services.finish_oauth(params=ledger.idp.approve(begin()), browser=BROWSER)
        services.disconnect(connection)
        assert ledger.idp.revoked == ["refresh-2-canary"]
        assert not Credential.objects.exists()
    assert not AccountRoute.objects.exists()


@pytest.mark.parametrize("reply", [Reply(500), half(), page()])
def test_disconnecting_succeeds_when_the_vendor_does_not_answer(sydney, ledger, reply):
    ledger.on("/revoke", reply)
    with hub.enter(sydney):
        connection = services.finish_oauth(params=ledger.idp.approve(begin()), browser=BROWSER)
        services.disconnect(connection)
        assert connection.status == "disconnected"
        assert not Credential.objects.exists()


def test_disconnecting_succeeds_when_the_key_of_the_secret_is_gone(sydney, ledger):
    with hub.enter(sydney):
        connection = services.finish_oauth(params=ledger.idp.approve(begin()), browser=BROWSER)
        Chapter.objects.filter(pk=sydney.pk).update(data_key=b"")
        services.disconnect(connection)
        assert not Credential.objects.exists()
    assert ledger.idp.revoked == []


# --- whose app --------------------------------------------------------------------------------------------------------


def app(chapter=None, environment="live", client_id="hub-app"):
    return ProviderApp.objects.create(
        provider="ledger", environment=environment, chapter=chapter, client_id=client_id, client_secret="canary"
    )


def client_id(chapter, environment="live"):
    with hub.enter(chapter):
        address = services.begin_oauth(
            provider="ledger",
            name=f"L {environment}",
            environment=environment,
            user=None,
            browser=BROWSER,
            return_to="/",
        )
    return urlsplit(address).hostname, query(address)["client_id"]


def test_a_chapters_own_app_goes_before_the_hubs(sydney, melbourne):
    app()
    app(sydney, client_id="sydneys-app")
    assert client_id(sydney) == ("login.ledger.example", "sydneys-app")
    assert client_id(melbourne) == ("login.ledger.example", "hub-app")


def test_an_app_of_another_environment_is_not_used(sydney):
    app(environment="sandbox", client_id="sandbox-app")
    assert client_id(sydney, "sandbox")[1] == "sandbox-app"
    with pytest.raises(ConnectError, match="No Ledger app is registered here for the live environment"):
        client_id(sydney)
    with hub.enter(sydney):
        assert not Connection.objects.filter(environment="live").exists()


def test_the_app_that_began_a_sign_in_ends_it(sydney, ledger):
    with hub.enter(sydney):
        back = ledger.idp.approve(begin())
        ProviderApp.objects.create(
            provider="ledger", environment="lab", chapter=sydney, client_id="later", client_secret="x"
        )
        connection = services.finish_oauth(params=back, browser=BROWSER)
    assert ProviderApp.objects.get(pk=connection.app_id).client_id == "lab"


# --- through the browser ----------------------------------------------------------------------------------------------


@pytest.fixture
def ann(sydney):
    with hub.enter(sydney):
        return User.objects.create_user("ann", password="x" * 12)


def at(host, user=None, chapter=None):
    client = Client(HTTP_HOST=host)
    if user is not None:
        with hub.enter(chapter):
            client.force_login(user)
    return client


def begun(chapter, user, ledger, **more):
    with hub.enter(chapter):
        return ledger.idp.approve(begin(user, **more))


def test_the_hub_sends_the_browser_on_to_the_chapter_that_began_it(sydney, ledger, ann, settings):
    settings.PUBLIC_URL = "https://hub.localhost:8443"
    back = begun(sydney, ann, ledger)
    response = at("hub.localhost").get(
        "/oauth/callback", {**back, "next": "https://evil.example", "host": "evil.example"}
    )
    assert response.status_code == 302
    sent = urlsplit(response["Location"])
    assert (sent.scheme, sent.netloc, sent.path) == ("https", "sydney.localhost:8443", "/oauth/finish")
    assert query(response["Location"]) == back
    assert response["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response["Cache-Control"]
    assert OAuthState.objects.get().used_at is None


def test_there_the_sign_in_is_finished_and_the_person_is_back_where_they_began(sydney, ledger, ann):
    back = begun(sydney, ann, ledger)
    client = at("sydney.localhost", ann, sydney)
    client.cookies["signing_in"] = BROWSER
    response = client.get("/oauth/finish", back)
    with hub.enter(sydney):
        connection = Connection.objects.get()
    assert connection.status == "connected"
    assert (response.status_code, response["Location"]) == (302, f"/marketplace/ledger/?connection={connection.pk}")


def test_one_who_has_to_choose_an_account_is_back_where_they_began_too(sydney, vendor, ann):
    vendor.on("/accounts", as_json([{"id": "org-1", "name": "One"}, {"id": "org-2", "name": "Two"}]))
    back = begun(sydney, ann, vendor, return_to="/admin/marketplace/ledger/?a=b#c")
    client = at("sydney.localhost", ann, sydney)
    client.cookies["signing_in"] = BROWSER
    response = client.get("/oauth/finish", back)
    with hub.enter(sydney):
        pk = Connection.objects.get().pk
    assert response["Location"] == f"/admin/marketplace/ledger/?a=b&connection={pk}#c"


def test_an_address_elsewhere_that_stands_in_the_table_is_not_followed(sydney, ledger, ann):
    back = begun(sydney, ann, ledger)
    OAuthState.objects.update(return_to="https://evil.example/")
    client = at("sydney.localhost", ann, sydney)
    client.cookies["signing_in"] = BROWSER
    assert client.get("/oauth/finish", back)["Location"].startswith("/marketplace/?connection=")


@pytest.mark.parametrize(
    "return_to",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", "x", "/" + "a" * 400],
)
def test_nobody_is_sent_to_another_site(sydney, ledger, ann, return_to):
    with hub.enter(sydney):
        begin(ann, return_to=return_to)
    assert OAuthState.objects.get().return_to == "/marketplace/"


def test_a_browser_that_did_not_begin_it_sees_a_clear_page(sydney, ledger, ann):
    back = begun(sydney, ann, ledger)
    response = at("sydney.localhost", ann, sydney).get("/oauth/finish", back)
    assert response.status_code == 400
    assert b"begun elsewhere" in response.content
    assert b"canary" not in response.content
    assert ledger.count("/token") == 0


def test_somebody_who_is_not_signed_in_here_signs_in_first(sydney, ledger, ann):
    back = begun(sydney, ann, ledger)
    client = at("sydney.localhost")
    client.cookies["signing_in"] = BROWSER
    response = client.get("/oauth/finish", back)
    assert response.status_code == 302
    assert response["Location"].startswith("/login/?next=")
    assert ledger.count("/token") == 0


def test_the_other_chapter_cannot_finish_it(sydney, melbourne, ledger, ann):
    back = begun(sydney, ann, ledger)
    with hub.enter(melbourne):
        bob = User.objects.create_user("bob", password="x" * 12)
    client = at("melbourne.localhost", bob, melbourne)
    client.cookies["signing_in"] = BROWSER
    assert client.get("/oauth/finish", back).status_code == 400
    with hub.enter(melbourne):
        assert not Connection.objects.exists()


@pytest.mark.parametrize("state", ["", "nobody", "a" * 5000])
def test_an_unknown_state_at_the_hub_is_a_clear_page(db, state):
    response = at("hub.localhost").get(f"/oauth/callback?code=x&state={state}")
    assert response.status_code == 400
    assert b"Not connected" in response.content


def test_neither_address_takes_a_post_or_stands_at_the_other_host(sydney, ann):
    assert at("hub.localhost").post("/oauth/callback").status_code == 405
    assert at("sydney.localhost", ann, sydney).post("/oauth/finish").status_code == 405
    assert at("sydney.localhost", ann, sydney).get("/oauth/callback").status_code == 404
    assert at("hub.localhost").get("/oauth/finish").status_code == 404


def test_the_cookie_is_random_and_for_this_host_only(rf):
    from django.http import HttpResponse

    from integrations.connections.browser import browser_of, remember

    request = rf.get("/", secure=True)
    one, two = browser_of(request), browser_of(request)
    assert one != two
    assert len(one) >= 43
    response = HttpResponse()
    remember(response, request, one)
    cookie = response.cookies["signing_in"]
    assert (cookie.value, cookie["httponly"], cookie["secure"], cookie["samesite"]) == (one, True, True, "Lax")
    assert cookie["domain"] == ""
    request.COOKIES["signing_in"] = one
    assert browser_of(request) == one
