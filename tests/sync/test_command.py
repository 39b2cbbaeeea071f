"""manage.py sync."""

from __future__ import annotations

import io
import re

import pytest
from django.core.management import CommandError, call_command

from finance.models import Party
from integrations import hub
from integrations.connections.models import Connection
from integrations.sync.models import ResourceState, SyncRun

from .conftest import connect
from .testbook import contact, invoice
from .vendor import Reply

pytestmark = [pytest.mark.django_db, pytest.mark.services]


@pytest.fixture
def two(vendor, sydney, melbourne):
    """Sydney has a connection, Melbourne has none."""
    with hub.enter(sydney):
        connect()
    for path in ("/contacts", "/invoices", "/lists", "/staff", "/links", "/headers", "/lasts", "/offsets"):
        vendor.lists(path, [])
    vendor.routes["/tags"] = lambda asked: Reply([])
    vendor.routes["/links"] = lambda asked: Reply({"data": {"rows": []}})
    return sydney


def sync(*arguments):
    out = io.StringIO()
    try:
        call_command("sync", *arguments, stdout=out, stderr=out)
    finally:
        sync.said = out.getvalue()
    return out.getvalue().splitlines()


def test_the_last_line_counts(two, vendor):
    vendor.lists("/contacts", [contact(1), contact(2, status="LOST")])
    lines = sync("sydney", "testbook", "contacts")
    assert re.fullmatch(r"created=1 updated=0 unchanged=0 quarantined=1 seconds=\d+\.\d", lines[-1])
    with hub.enter(two):
        assert (Party.objects.count(), SyncRun.objects.get().trigger) == (1, "command")


def test_without_a_resource_all_are_read_in_the_order_of_their_references(two, vendor):
    vendor.lists("/contacts", [contact(1)])
    vendor.lists("/invoices", [invoice(1)])
    lines = sync("sydney", "testbook")
    assert lines[-1].startswith("created=2 updated=0 unchanged=0 quarantined=0 ")
    order = [line.partition(":")[0] for line in lines[:-1]]
    assert order.index("contacts") < order.index("invoices")
    assert order.index("lists") < order.index("people")


def test_what_is_switched_off_is_read_only_when_it_is_named(two, vendor):
    with hub.enter(two):
        ResourceState.objects.create(connection=Connection.objects.get(), resource="contacts", enabled=False)
    assert "contacts:" not in "\n".join(sync("sydney", "testbook"))
    assert sync("sydney", "testbook", "contacts")[0].startswith("contacts:")


def test_a_plan_keeps_nothing_and_full_reads_everything(two, vendor):
    vendor.lists("/contacts", [contact(1)])
    assert sync("sydney", "testbook", "contacts", "--plan")[-1].startswith("created=1 ")
    with hub.enter(two):
        assert not Party.objects.exists()
    assert sync("sydney", "testbook", "contacts")[-1].startswith("created=1 ")
    assert sync("sydney", "testbook", "contacts", "--full")[-1].startswith("created=0 updated=0 unchanged=1 ")


def test_approval_lets_deletions_through(two, vendor):
    vendor.lists("/offsets", [contact(1), contact(2)])
    sync("sydney", "testbook", "offsets")
    vendor.lists("/offsets", [contact(1)])
    with pytest.raises(CommandError, match="waits for approval"):
        sync("sydney", "testbook", "offsets")
    assert "nothing was deleted" in sync.said
    assert "offsets, deleted there: Contact 2" in sync.said
    assert "created=0 updated=0 unchanged=1 " in sync.said
    sync("sydney", "testbook", "offsets", "--approve")
    assert "1 deleted there" in sync.said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("perth", "testbook"), "perth cannot be entered: it is not known"),
        (("sydney", "xeno"), "There is no provider 'xeno'. There is: testbook."),
        (("sydney", "testbook", "shoes"), "Testbook has no resource 'shoes'. It has: invoices, contacts"),
        (("melbourne", "testbook"), "melbourne has no connection to Testbook"),
        (("sydney", "testbook", "--connection", "Nowhere"), "no connection called 'Nowhere'"),
        (("sydney", "testbook", "--plan", "--approve"), "choose one of the two"),
    ],
)
def test_what_cannot_be_done_is_said(two, arguments, sentence):
    with pytest.raises(CommandError, match=re.escape(sentence)):
        sync(*arguments)


def test_several_connections_must_be_told_apart(two, vendor):
    with hub.enter(two):
        second = connect("Second")
    with pytest.raises(
        CommandError, match=r"several connections to Testbook: 'Ledger', 'Second'\. Say which with --connection"
    ):
        sync("sydney", "testbook", "contacts")
    for name in ("Second", str(second.pk), str(second.pk).upper()):
        sync("sydney", "testbook", "contacts", "--connection", name)
    with hub.enter(two):
        assert set(SyncRun.objects.values_list("connection__name", flat=True)) == {"Second"}


def test_a_failure_is_a_sentence_and_an_exit_code_and_the_counts_stand_all_the_same(two, vendor):
    vendor.faults = [Reply({}, 401)]
    with pytest.raises(CommandError, match="reconnect the connection 'Ledger'") as failed:
        sync("sydney", "testbook", "contacts")
    assert failed.value.returncode == 1
    assert sync.said.splitlines()[-1].startswith("created=0 updated=0 unchanged=0 quarantined=0 seconds=")
    with hub.enter(two):
        assert Connection.objects.get().status == Connection.Status.EXPIRED


def test_what_is_being_read_already_is_not_read_twice(two, vendor):
    with hub.enter(two):
        SyncRun.objects.create(
            connection=Connection.objects.get(), resource="contacts", state="running", trigger="command"
        )
    with pytest.raises(CommandError, match="being read already"):
        sync("sydney", "testbook", "contacts")
    with hub.enter(two):
        SyncRun.objects.update(created_at="2026-01-01T00:00:00Z")  # its process is long gone
    sync("sydney", "testbook", "contacts")
    with hub.enter(two):
        assert sorted(SyncRun.objects.values_list("state", flat=True)) == ["failed", "succeeded"]


def test_a_first_sync_shows_its_plan_and_exits_three_until_it_is_approved(two, vendor):
    with hub.enter(two):
        Connection.objects.update(plan_first=True)
    vendor.lists("/contacts", [contact(1), contact(2, status="LOST")])
    with pytest.raises(CommandError, match="waits for approval") as waits:
        sync("sydney", "testbook", "contacts")
    assert waits.value.returncode == 3
    lines = sync.said.splitlines()
    with hub.enter(two):
        assert lines[-1] == f"plan={SyncRun.objects.get().pk}"
        assert not Party.objects.exists()
    assert lines[-2].startswith("created=0 updated=0 ")
    assert "contacts, new: Contact 1" in sync.said
    assert "set aside: 1 because status: " in sync.said
    assert sync("sydney", "testbook", "contacts", "--approve")[-1].startswith("created=1 ")
    with hub.enter(two):
        assert SyncRun.objects.order_by("created_at")[0].decision == "approved"
    assert sync("sydney", "testbook", "contacts")[-1].startswith("created=0 ")


def test_plans_are_approved_by_their_ids(two, vendor):
    with hub.enter(two):
        Connection.objects.update(plan_first=True)
    vendor.lists("/contacts", [contact(1)])
    vendor.lists("/lists", [{"id": "news", "name": "News"}])
    vendor.lists("/lists/news/people", [])
    with pytest.raises(CommandError):
        sync("sydney", "testbook")
    ids = dict(zip([line.partition(":")[0] for line in sync.said.splitlines()[:10]],
                   sync.said.splitlines()[-1].removeprefix("plan=").split(","), strict=True))  # fmt: skip
    with pytest.raises(CommandError, match="Approve Lists first"):
        sync("sydney", "testbook", "--approve", ids["people"])
    both = f"{ids['people']},{ids['lists']}"
    assert [line.partition(":")[0] for line in sync("sydney", "testbook", "--approve", both)[:2]] == ["lists", "people"]
    with pytest.raises(CommandError, match="No plan 123 of 'Ledger' waits"):
        sync("sydney", "testbook", "--approve", "123")
    with hub.enter(two):
        assert not Party.objects.exists()
