"""Signing in at the vendor, for the tests of its steps."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client

from integrations import hub
from integrations.connections import services
from integrations.connections.services import ConnectError
from integrations.hub.models import ProviderApp
from tests.doors import *  # noqa: F403 fixtures
from tests.http.vendor import as_json

BROWSER = "b" * 43


@pytest.fixture
def ledger(vendor):
    """A vendor with one account, that signs people in."""
    vendor.on("/accounts", as_json([{"id": "org-1", "name": "Sydney Pty Ltd"}]))
    return vendor


@pytest.fixture
def ann(sydney):
    with hub.enter(sydney):
        return User.objects.create_user("ann", password="x" * 12)


def begin(
    user=None, *, provider="ledger", name="Our ledger", browser=BROWSER, return_to="/marketplace/ledger/", **more
):
    return services.begin_oauth(
        provider=provider, name=name, environment="lab", user=user, browser=browser, return_to=return_to, **more
    )


def begun(chapter, user, ledger, **more):
    with hub.enter(chapter):
        return ledger.idp.approve(begin(user, **more))


def query(address):
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def refused(match="begun elsewhere, has been used already"):
    return pytest.raises(ConnectError, match=match)


def app(chapter=None, environment="live", client_id="hub-app"):
    return ProviderApp.objects.create(
        provider="ledger", environment=environment, chapter=chapter, client_id=client_id, client_secret="canary"
    )


def at(host, user=None, chapter=None):
    client = Client(HTTP_HOST=host)
    if user is not None:
        with hub.enter(chapter):
            client.force_login(user)
    return client
