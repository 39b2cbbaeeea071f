"""Fixtures of the tests of doors and connections."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import connections

from integrations import hub, registry
from integrations.connections.models import Connection, Credential
from integrations.http.caller import Caller
from integrations.hub.models import Chapter, Domain
from integrations.provider import Provider

from . import fakes
from .http.vendor import Vendor, serving

SLUGS = ("sydney", "melbourne")

__all__ = ["_vendor", "fake_providers", "lasting", "vendor"]


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


@pytest.fixture
def lasting(db: None) -> Iterator[dict[str, Chapter]]:
    """Both chapters by slug, for tests whose rows other database connections must see.

    The test speaks on a connection beside the one whose transaction is rolled back, and only what such tests make is taken
    away again: much faster than `committed`, which empties every table.
    """
    rolled_back = connections["default"]
    connections["default"] = rolled_back.copy()
    connections["default"].set_schema_to_public()
    try:
        yield {chapter.slug: chapter for chapter in Chapter.objects.filter(slug__in=SLUGS)}
        for slug in SLUGS:
            with hub.enter(slug):
                Connection.objects.all().delete()
        for model in apps.get_app_config("hub").get_models():
            if model not in {Chapter, Domain}:
                model._default_manager.all().delete()
    finally:
        connections["default"].close()
        connections["default"] = rolled_back


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


def connected(
    chapter: Chapter, provider: str = "acme", secret: str = '{"key": "key_canary_1234"}', **changes: object
) -> Connection:
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
        Credential.objects.create(connection=connection, secret=secret)
        return connection
