"""A sign-in ends: disconnected by a person, or no longer declared."""

from __future__ import annotations

import pytest

from integrations import hub, registry
from integrations.connections import services
from integrations.connections.models import Connection, Credential
from integrations.connections.services import ConnectError
from integrations.http import open_door
from integrations.hub.models import AccountRoute, Chapter
from integrations.provider import AuthExpired, Permanent
from tests.http.vendor import Reply, half, page

from .conftest import BROWSER, begin

pytestmark = [pytest.mark.django_db, pytest.mark.services]


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
