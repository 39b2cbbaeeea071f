"""The engine through the door it goes through in earnest: limits, retries, redaction, and the connection's status."""

from __future__ import annotations

import dataclasses

import pytest

from finance.models import Party
from integrations import hub, registry
from integrations.connections.models import Connection, Credential
from integrations.provider import ApiKey
from integrations.sync.engine import run_sync
from integrations.sync.models import SyncRun

from . import testbook
from .testbook import contact
from .vendor import Reply, Vendor

pytestmark = [pytest.mark.django_db, pytest.mark.services]
HOST = "api.testbook.example"


@pytest.fixture
def behind_a_key(running_vendor: Vendor, monkeypatch, settings, sydney, melbourne):
    """A connection of the lab's kind: https://HOST/PATH is asked for at the local server's /HOST/PATH."""
    running_vendor.reset()
    provider = dataclasses.replace(testbook.provider, base_url=f"https://{HOST}", auth=ApiKey())
    monkeypatch.setattr(registry, "all_providers", lambda: {"testbook": provider})
    settings.LAB_URL = running_vendor.url
    with hub.enter(sydney):
        connection = Connection.objects.create(
            provider="testbook", name="Ledger", auth_kind="api_key", environment="lab", status="connected"
        )
        Credential.objects.create(connection=connection, secret='{"key": "k-12345678"}')
        yield connection


def lists(vendor: Vendor, records: list[object]) -> None:
    vendor.lists(f"/{HOST}/contacts", records)


def test_records_arrive(behind_a_key, running_vendor):
    lists(running_vendor, [contact(n) for n in range(7)])
    run = run_sync(behind_a_key, "contacts")
    assert (run.state, run.created, Party.objects.count()) == ("succeeded", 7, 7), run.message
    assert {one.headers["authorization"] for one in running_vendor.asked} == {"Bearer k-12345678"}


def test_a_fault_that_passes_is_not_noticed(behind_a_key, running_vendor):
    lists(running_vendor, [contact(1)])
    running_vendor.faults = [Reply({}, 503, {"Retry-After": "0"})]
    assert run_sync(behind_a_key, "contacts").state == "succeeded"


def test_a_revoked_key_marks_the_connection_expired_and_no_secret_is_said(behind_a_key, running_vendor):
    running_vendor.faults = [Reply({"message": "bad key k-12345678"}, 401)] * 3
    run = run_sync(behind_a_key, "contacts")
    behind_a_key.refresh_from_db()
    assert (run.state, behind_a_key.status) == ("failed", Connection.Status.EXPIRED)
    for named in ("chapter Sydney", "connection 'Ledger'", "contacts", "Reconnect"):
        assert named in run.message, run.message
    assert run.message.count("Sydney") == 1
    assert "k-12345678" not in run.message
    again = run_sync(behind_a_key, "contacts")
    assert "reconnect the connection 'Ledger'" in again.message
    assert SyncRun.objects.filter(state="failed").count() == 2


def test_a_page_of_html_is_named_with_its_place(behind_a_key, running_vendor):
    running_vendor.faults = [Reply(b"<html>sorry</html>", headers={})] * 5
    run = run_sync(behind_a_key, "contacts")
    assert run.state == "failed"
    assert "chapter Sydney, connection 'Ledger', contacts" in run.message, run.message
