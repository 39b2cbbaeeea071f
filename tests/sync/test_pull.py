"""A resource of a connection becomes records here."""

from __future__ import annotations

import pytest

from finance.models import Invoice, Party
from integrations.sync.engine import run_sync
from integrations.sync.models import RecordLink, ResourceState, SyncRun

from .testbook import contact, invoice

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def counts(run):
    return (run.created, run.updated, run.unchanged, run.deleted, run.quarantined)


def test_records_arrive_with_their_links_and_a_second_run_changes_nothing(ledger, vendor):
    vendor.lists("/contacts", [contact(n) for n in range(7)])
    run = run_sync(ledger, "contacts")
    assert (run.state, counts(run), run.fetched) == (SyncRun.State.SUCCEEDED, (7, 0, 0, 0, 0), 7), run.message
    assert Party.objects.count() == 7
    party = Party.objects.get(name="Contact 3")
    assert (party.email, party.given_name, party.status, party.version) == ("c3@example.com", "Ada", "active", 1)
    link = RecordLink.objects.get(external_id="c3")
    assert (link.record_id, link.target, link.match) == (party.pk, "finance.party", "created")
    again = run_sync(ledger, "contacts", full=True)
    assert counts(again) == (0, 0, 7, 0, 0)
    ledger.refresh_from_db()
    assert ledger.last_sync_at is not None


def test_references_settle_whichever_comes_first(ledger, vendor):
    vendor.lists("/invoices", [invoice(1), invoice(2), invoice(3, contact={"id": "never"})])
    run = run_sync(ledger, "invoices")
    assert run.state == SyncRun.State.SUCCEEDED, run.message
    assert Invoice.objects.filter(party=None).count() == 3
    vendor.lists("/contacts", [contact(1), contact(2)])
    run_sync(ledger, "contacts")
    assert Invoice.objects.get(number="INV-1").party.name == "Contact 1"
    assert Invoice.objects.get(number="INV-2").party.name == "Contact 2"
    assert Invoice.objects.get(number="INV-3").party is None
    assert list(RecordLink.objects.filter(refs__isnull=False).values_list("external_id", "refs")) == [
        ("i3", {"party": ["contacts", "never"]})
    ]
    again = run_sync(ledger, "invoices", full=True)
    assert again.unchanged == 3
    assert ResourceState.objects.get(resource="invoices").position is None
