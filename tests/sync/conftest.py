from __future__ import annotations

from collections.abc import Iterator

import pytest

from integrations import hub, registry
from integrations.connections.models import Connection
from integrations.sync.models import RecordLink

from . import testbook
from .vendor import Vendor, tiny_door


@pytest.fixture(scope="session")
def running_vendor() -> Iterator[Vendor]:
    vendor = Vendor()
    yield vendor
    vendor.stop()


@pytest.fixture
def vendor(running_vendor, monkeypatch) -> Vendor:
    """The vendor, empty, its provider installed and the door leading to it."""
    running_vendor.reset()
    monkeypatch.setattr(registry, "all_providers", lambda: {"testbook": testbook.provider})
    monkeypatch.setattr("integrations.http.open_door", tiny_door(running_vendor.url), raising=False)
    return running_vendor


def connect(name: str = "Ledger") -> Connection:
    return Connection.objects.create(
        provider="testbook", name=name, auth_kind="none", status=Connection.Status.CONNECTED
    )


@pytest.fixture
def ledger(vendor, sydney, melbourne) -> Iterator[Connection]:
    """A connection in Sydney, which the test is inside; Melbourne has one of the same name."""
    with hub.enter(melbourne):
        connect()
    with hub.enter(sydney):
        yield connect()
    with hub.enter(melbourne):
        assert not RecordLink.objects.exists(), "Sydney's records are in Melbourne"
