"""A person is sent to sign in at the vendor."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from integrations import hub
from integrations.connections import services
from integrations.connections.models import Connection
from integrations.connections.services import ConnectError
from integrations.hub.models import OAuthState
from tests.http.vendor import as_json

from .conftest import BROWSER, app, begin, query

pytestmark = [pytest.mark.django_db, pytest.mark.services]


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


def test_a_browser_without_a_cookie_cannot_begin(sydney, ledger):
    with hub.enter(sydney), pytest.raises(ConnectError, match="Allow cookies"):
        begin(browser="")


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


@pytest.mark.parametrize(
    "return_to",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", "x", "/" + "a" * 400],
)
def test_nobody_is_sent_to_another_site(sydney, ledger, ann, return_to):
    with hub.enter(sydney):
        begin(ann, return_to=return_to)
    assert OAuthState.objects.get().return_to == "/marketplace/"


def test_an_attempt_that_was_left_unfinished_may_be_begun_again_under_its_name(sydney, ledger):
    with hub.enter(sydney):
        begin()
        back = ledger.idp.approve(begin())
        services.finish_oauth(params=back, browser=BROWSER)
        assert Connection.objects.count() == 1
        with pytest.raises(ConnectError, match="called 'Our ledger' already"):
            begin()


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
