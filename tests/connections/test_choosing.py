"""Which account of the vendor's a sign-in is for."""

from __future__ import annotations

import pytest

from integrations import hub
from integrations.connections import credentials, services
from integrations.connections.models import Connection, Credential
from integrations.connections.services import ConnectError
from integrations.http import open_door
from integrations.hub.models import AccountRoute
from tests.http.vendor import as_json

from .conftest import BROWSER, at, begin, begun

pytestmark = [pytest.mark.django_db, pytest.mark.services]


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


def test_one_who_has_to_choose_an_account_is_back_where_they_began_too(sydney, vendor, ann):
    vendor.on("/accounts", as_json([{"id": "org-1", "name": "One"}, {"id": "org-2", "name": "Two"}]))
    back = begun(sydney, ann, vendor, return_to="/admin/marketplace/ledger/?a=b#c")
    client = at("sydney.localhost", ann, sydney)
    client.cookies["signing_in"] = BROWSER
    response = client.get("/oauth/finish", back)
    with hub.enter(sydney):
        pk = Connection.objects.get().pk
    assert response["Location"] == f"/admin/marketplace/ledger/?a=b&connection={pk}#c"


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
