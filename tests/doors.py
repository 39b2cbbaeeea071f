"""Fixtures of the tests of doors and connections."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integrations import hub, registry
from integrations.connections.models import Connection, Credential
from integrations.http.caller import Caller
from integrations.hub.models import Chapter
from integrations.provider import Provider

from . import fakes
from .http.vendor import Vendor, serving

__all__ = ["_vendor", "fake_providers", "vendor"]


@pytest.fixture(scope="session")
def _vendor() -> Iterator[Vendor]:
    vendor = Vendor()
    with serving(vendor) as port:
        vendor.url = f"http://127.0.0.1:{port}"
        yield vendor


@pytest.fixture
def vendor(_vendor: Vendor, settings) -> Vendor:
    """The misbehaving vendor, standing where the lab stands."""
    _vendor.reset()
    settings.LAB_URL = _vendor.url
    return _vendor


@pytest.fixture(autouse=True)
def fake_providers(monkeypatch) -> None:
    monkeypatch.setattr(registry, "all_providers", lambda: {provider.slug: provider for provider in fakes.ALL})


def caller(provider: Provider, environment: str = "lab", **changes: object) -> Caller:
    """Somebody who asks, without a connection's row."""
    from uuid import uuid4

    made = {
        "provider": provider,
        "chapter": "Sydney",
        "connection": "Our things",
        "connection_id": uuid4(),
        "environment": environment,
        "account": str(uuid4()),
    }
    return Caller(**{**made, **changes})


def connected(chapter: Chapter, provider: str = "acme", **changes: object) -> Connection:
    """A connection with a key, as connecting leaves it. For use inside or outside the chapter."""
    with hub.enter(chapter):
        connection = Connection.objects.create(
            **{
                "provider": provider,
                "name": "Our things",
                "environment": "lab",
                "auth_kind": "api_key",
                "status": "connected",
                **changes,
            }
        )
        Credential.objects.create(connection=connection, secret='{"key": "key_canary_1234"}')
        return connection
