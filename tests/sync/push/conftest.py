from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from finance.models import Invoice, Party
from integrations import hub, registry
from integrations.changes import feed
from integrations.changes.models import Change, ChangePosition, ChangeSet
from integrations.conflicts.models import Conflict
from integrations.connections.models import Connection
from integrations.hub.models import Chapter, Due, Job
from integrations.hub.models.jobs import Turn
from integrations.sync.engine import run_sync
from integrations.sync.models import RecordLink, ResourceState, SyncRun
from integrations.sync.push import switch
from integrations.sync.push.models import OutboundWrite
from tests.conftest import SLUGS, make_chapters
from tests.sync.vendor import tiny_door

from . import shop as declared
from .shop import Shop, serving


@pytest.fixture(scope="session")
def _counter() -> Iterator[dict[str, Any]]:
    """One server for all tests; each has a shop of its own behind it."""
    place: dict[str, Any] = {}
    server = serving(lambda: place["shop"])
    place["url"] = f"http://127.0.0.1:{server.bind_addr[1]}"
    yield place
    server.stop()


@pytest.fixture
def shop(_counter, monkeypatch) -> Shop:
    """The vendor, empty, its provider installed and the door leading to it."""
    found = _counter["shop"] = Shop(url=_counter["url"])
    monkeypatch.setattr(registry, "all_providers", lambda: {"shop": declared.provider})
    monkeypatch.setattr("integrations.http.open_door", tiny_door(found.url), raising=False)
    return found


@pytest.fixture
def chapters(db) -> Iterator[dict[str, Chapter]]:
    """Both chapters by slug, on a database connection beside the one that is rolled back: what is committed is what readers of
    the feed see. What such tests make is deleted again, much faster than by emptying every table."""
    rolled_back = connections["default"]
    connections["default"] = rolled_back.copy()
    connections["default"].set_schema_to_public()
    try:
        make_chapters()
        yield {slug: Chapter.objects.get(slug=slug) for slug in SLUGS}
        for slug in SLUGS:
            with hub.enter(slug):
                for model in (Conflict, Invoice, Party, RecordLink, Connection, Change, ChangeSet, ChangePosition):
                    model._default_manager.all().delete()
        for model in (Due, Job, Turn):
            model._default_manager.all().delete()
    finally:
        connections["default"].close()
        connections["default"] = rolled_back


@pytest.fixture
def ledger(shop, chapters) -> Iterator[Connection]:
    """A connection in Sydney, which the test is inside; Melbourne has one of the same name."""
    with hub.enter(chapters["melbourne"]):
        connect()
    with hub.enter(chapters["sydney"]):
        yield connect()
    with hub.enter(chapters["melbourne"]):
        assert not RecordLink.objects.exists(), "Sydney's records are in Melbourne"
        assert not OutboundWrite.objects.exists(), "Sydney's writes are in Melbourne"
        assert not Party.objects.exists()


def connect(name: str = "Ledger") -> Connection:
    return Connection.objects.create(provider="shop", name=name, auth_kind="none", status=Connection.Status.CONNECTED)


def final() -> None:
    """Until readers of the feed may see everything: somebody else on this server may still be writing."""
    for _ in range(1200):
        newest = ChangeSet.objects.order_by("-xid").values_list("xid", flat=True).first()
        if newest is None or newest <= feed.now().xid:
            return
        time.sleep(0.05)
    raise AssertionError("a transaction of somebody else's holds up the feed")


def sync(connection: Connection, resource: str = "contacts", **asked: Any) -> SyncRun:
    final()
    run = run_sync(connection, resource, **asked)
    final()
    return run


def two_way(connection: Connection, resource: str = "contacts", *, creates: bool = False) -> None:
    """Read once, then send from now on; the run that this wished for is carried out."""
    sync(connection, resource)
    run = switch.switch_on(connection, resource, creates=creates)
    sync(connection, resource, run=run)


def state_of(connection: Connection, resource: str = "contacts") -> ResourceState:
    return ResourceState.objects.get(connection=connection, resource=resource)
