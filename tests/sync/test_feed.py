"""What a sync brings is in the change feed as its connection's and its run's."""

from __future__ import annotations

import pytest

from finance.models import Invoice, Party
from integrations.changes.models import Change, ChangeSet
from integrations.sync.engine import run_sync

from .testbook import contact, invoice

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def told(run):
    changes = Change.objects.filter(changeset__run_id=run.pk).order_by("pk")
    return list(changes.values_list("target", "part", "op"))


def test_each_change_names_the_connection_and_the_run(ledger, vendor):
    vendor.lists("/contacts", [contact(1), contact(2)])
    first = run_sync(ledger, "contacts")
    assert told(first) == [("finance.party", "", "insert")] * 2
    assert set(ChangeSet.objects.values_list("origin", flat=True)) == {f"connection:{ledger.pk}"}
    vendor.lists("/contacts", [contact(1), contact(2, name="Renamed")])
    second = run_sync(ledger, "contacts", full=True)
    change = Change.objects.get(changeset__run_id=second.pk)
    assert (change.before, change.after) == ({"name": "Contact 2"}, {"name": "Renamed"})
    assert change.aggregate_id == Party.objects.get(name="Renamed").pk


def test_what_did_not_change_is_not_told(ledger, vendor):
    vendor.lists("/contacts", [contact(1)])
    run_sync(ledger, "contacts")
    assert told(run_sync(ledger, "contacts", full=True)) == []


def test_a_settled_reference_is_told_too(ledger, vendor):
    vendor.lists("/invoices", [invoice(1)])
    run_sync(ledger, "invoices")
    vendor.lists("/contacts", [contact(1)])
    run = run_sync(ledger, "contacts")
    assert ("finance.invoice", "", "update") in told(run)
    assert Change.objects.get(op="update").after == {"party_id": str(Invoice.objects.get().party_id)}
