"""The platform tells of itself, in the transaction of what happened."""

from __future__ import annotations

import json

import jsonschema
import pytest
from django.db import transaction

from integrations import hub
from integrations.connections import status
from integrations.connections.models import Connection
from integrations.outbound import catalogue, services
from integrations.outbound.models import Delivery, Event
from integrations.sync import services as syncing
from integrations.sync.engine import run_sync
from integrations.sync.models import SyncRun
from tests.sync.testbook import contact
from tests.sync.vendor import Reply

pytestmark = [pytest.mark.django_db, pytest.mark.services]


@pytest.fixture(autouse=True)
def _both_ask(sydney, melbourne, settings):
    settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1:21003"]
    for chapter in (sydney, melbourne):
        with hub.enter(chapter):
            services.create(url="http://127.0.0.1:21003/", patterns=["sync.*", "connection.*"])


def told() -> list[tuple[str, dict]]:
    found = [(event.type, json.loads(event.body)["data"]) for event in Event.objects.order_by("pk")]
    for name, data in found:
        jsonschema.validate(data, catalogue.get(name).schema)
    return found


@pytest.fixture
def silent(melbourne):
    yield
    with hub.enter(melbourne):
        assert told() == [], "Sydney's events are in Melbourne"


def test_a_sync_that_ends_is_told_with_what_it_did(silent, ledger, vendor):
    vendor.lists("/contacts", [contact(n) for n in range(3)])
    run = run_sync(ledger, "contacts")
    ((name, data),) = told()
    assert (name, data["state"], data["resource"]) == ("sync.completed", "succeeded", "contacts")
    assert data["id"] == str(run.pk)
    assert data["connection"] == {"id": str(ledger.pk), "name": "Ledger", "provider": "testbook"}
    assert (data["counts"]["fetched"], data["counts"]["created"]) == (3, 3)
    assert Delivery.objects.count() == 1


def test_a_sync_that_fails_is_told_with_why(silent, ledger, vendor):
    vendor.faults = [Reply({}, 422)]
    run = run_sync(ledger, "contacts")
    assert run.state == "failed"
    ((name, data),) = told()
    assert (name, data["state"], data["message"]) == ("sync.failed", "failed", run.message)


def test_a_plan_and_a_run_that_was_stopped_are_no_end(silent, ledger, vendor):
    vendor.lists("/contacts", [contact(1)])
    run_sync(ledger, "contacts", plan_only=True)
    run = SyncRun.objects.create(connection=ledger, resource="contacts", state="running")
    syncing.cancel(run)
    assert told() == []


def test_a_run_whose_worker_was_lost_has_failed(silent, ledger):
    syncing.lose(SyncRun.objects.create(connection=ledger, resource="contacts", state="running"))
    assert [name for name, _ in told()] == ["sync.failed"]


def test_a_connection_tells_when_it_breaks_recovers_and_ends(sydney, silent):
    with hub.enter(sydney):
        one = Connection.objects.create(provider="xero", name="Sydney ledger", auth_kind="oauth2")
        for wanted, message in (
            ("connected", ""), ("expired", "Reconnect it."), ("error", "Look at it."), ("error", "Still."),
            ("connected", ""), ("disconnected", ""), ("connected", ""),
        ):  # fmt: skip
            status.change(one, Connection.Status(wanted), message)
        found = told()
    assert [name for name, _ in found] == [
        "connection.connected", "connection.broken", "connection.broken", "connection.recovered",
        "connection.disconnected", "connection.connected",
    ]  # fmt: skip
    assert (found[1][1]["previous"], found[1][1]["message"]) == ("connected", "Reconnect it.")


def test_what_did_not_happen_after_all_is_not_told(sydney, silent):
    with hub.enter(sydney):
        one = Connection.objects.create(provider="xero", name="Sydney ledger", auth_kind="oauth2")
        with pytest.raises(RuntimeError), transaction.atomic():
            status.change(one, Connection.Status.CONNECTED)
            raise RuntimeError
        assert told() == []
        assert not Delivery.objects.exists()
