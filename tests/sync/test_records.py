"""Synced records as partners see them, and records made at the vendor from here."""

from __future__ import annotations

import json

import psycopg
import pytest
from django.db import connection as database
from uuid_utils.compat import uuid7

from finance.models import Party
from integrations import hub
from integrations.provider import AuthExpired, BadRecord, Temporary, Unsupported
from integrations.sync import records
from integrations.sync.engine import run_sync
from integrations.sync.models import QuarantinedRecord, RecordLink, ResourceState

from .conftest import connect
from .testbook import contact, invoice
from .vendor import Reply

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def all_pages(ledger, resource, limit):
    cursor, found = "", []
    while cursor is not None:
        page, cursor = records.list_records(ledger, resource, cursor, limit)
        assert len(page) <= limit
        found += page
    return found


def test_records_are_listed_page_by_page_in_canonical_form(ledger, vendor):
    vendor.lists("/contacts", [contact(n) for n in range(7)])
    run_sync(ledger, "contacts")
    found = all_pages(ledger, "contacts", 3)
    assert [one["external_id"] for one in found] == [f"c{n}" for n in range(7)]
    first = found[0]
    assert first["data"] == {
        "kind": "unknown", "name": "Contact 0", "given_name": "Ada", "email": "c0@example.com", "status": "active",
    }  # fmt: skip
    assert (first["id"], first["schema"], first["state"], first["version"]) == (
        Party.objects.get(name="Contact 0").pk, "urn:canonical:party:1.0.0", "active", 1,
    )  # fmt: skip
    assert first["links"] == [
        {
            "connection": ledger.pk,
            "provider": "testbook",
            "resource": "contacts",
            "external_id": "c0",
            "state": "active",
        }
    ]
    assert records.list_records(ledger, "contacts", "no cursor", 3)[0] == found[:3]
    assert records.list_records(connect("Second"), "contacts", "", 3) == ([], None)


def test_what_was_changed_here_is_shown_and_a_deleted_row_as_it_was_agreed(ledger, vendor):
    vendor.lists("/contacts", [contact(1), contact(2)])
    run_sync(ledger, "contacts")
    Party.objects.filter(name="Contact 1").update(phone="ours")
    Party.objects.filter(name="Contact 2").delete()
    one, two = all_pages(ledger, "contacts", 10)
    assert one["data"]["phone"] == "ours"
    assert (two["data"]["name"], two["version"]) == ("Contact 2", 0)


def test_an_invoice_is_shown_with_money_lines_and_our_ids(ledger, vendor):
    vendor.lists("/contacts", [contact(1)])
    vendor.lists("/invoices", [invoice(1, currency="JPY", subtotal=20, total=20, due=20,
                                       lines=[{"text": "Fee", "quantity": 1.5, "amount": 20}])])  # fmt: skip
    run_sync(ledger, "contacts")
    run_sync(ledger, "invoices")
    (found,) = all_pages(ledger, "invoices", 10)
    data = found["data"]
    assert data["total"] == {"minor": 20, "currency": "JPY", "exponent": 0}
    assert data["party"] == str(Party.objects.get().pk)
    assert data["issued_on"] == "2026-02-03"
    (line,) = data["lines"]
    assert line == {
        "description": "Fee", "quantity": "1.5", "unit_amount": "0",
        "amount": {"minor": 20, "currency": "JPY", "exponent": 0},
    }  # fmt: skip
    assert records.get_record(ledger, "invoices", found["id"]) == found
    assert records.get_record(ledger, "contacts", found["id"]) is None
    assert records.get_record(ledger, "invoices", uuid7()) is None


@pytest.mark.parametrize(
    "answer",
    [
        lambda sent: {"items": [{**sent["item"], "id": "new", "status": "ACTIVE"}]},
        lambda sent: {"item": {**sent["item"], "id": "new"}},
        lambda sent: {**sent["item"], "id": "new"},
    ],
)
def test_a_record_is_made_there_linked_and_stored_here(ledger, vendor, answer):
    vendor.routes["/contacts"] = lambda asked: Reply(answer(json.loads(asked.body)), 201)
    made = records.create_record(ledger, "contacts", {"name": "Ada", "email": "ADA@Example.com"}, "key-1")
    (asked,) = vendor.asked
    assert (asked.method, asked.headers["idempotency-key"]) == ("POST", "key-1")
    assert json.loads(asked.body) == {"item": {"name": "Ada", "email": "ADA@example.com", "status": "ACTIVE"}}
    party = Party.objects.get()
    assert (made["id"], made["external_id"], made["data"]["name"]) == (party.pk, "new", "Ada")
    assert RecordLink.objects.get().match == "pushed"
    vendor.lists("/contacts", [contact(1, id="new", name="Ada", email="ada@example.com", first=None, status="ACTIVE")])
    run = run_sync(ledger, "contacts")
    assert (run.created, run.quarantined) == (0, 0)
    assert Party.objects.count() == 1


def test_what_is_no_canonical_record_is_refused_before_anything_is_sent(ledger, vendor):
    with pytest.raises(records.InvalidRecord) as refused:
        records.create_record(ledger, "contacts", {"email": "nobody", "shoe": 1}, "k")
    assert {reason.field for reason in refused.value.reasons} == {"name", "email", "shoe"}
    assert not vendor.asked


def test_what_the_vendor_does_not_take_is_said(ledger, vendor):
    with pytest.raises(Unsupported, match="Testbook takes no new records of this kind"):
        records.create_record(ledger, "invoices", {}, "k")


def test_an_answer_that_does_not_say_which_record_is_of_unknown_outcome(ledger, vendor):
    vendor.routes["/contacts"] = lambda asked: Reply(b"created!")
    with pytest.raises(Temporary) as unknown:
        records.create_record(ledger, "contacts", {"name": "Ada"}, "k")
    assert unknown.value.outcome_unknown
    assert "chapter Sydney, connection 'Ledger'" in str(unknown.value)


def test_a_made_record_that_cannot_be_stored_is_set_aside_and_said(ledger, vendor):
    vendor.routes["/contacts"] = lambda asked: Reply({"id": "new", "name": None})
    with pytest.raises(BadRecord, match="name: is missing"):
        records.create_record(ledger, "contacts", {"name": "Ada"}, "k")
    assert QuarantinedRecord.objects.get().external_id == "new"


def test_a_refusal_of_the_vendor_is_raised(ledger, vendor):
    vendor.faults = [Reply({}, 401)]
    with pytest.raises(AuthExpired):
        records.create_record(ledger, "contacts", {"name": "Ada"}, "k")
    assert not Party.objects.exists()


def test_a_record_is_not_stored_while_a_batch_of_a_sync_is_written(committed, vendor, monkeypatch):
    """Each would otherwise miss the other's link, and one of them would be refused."""
    vendor.routes["/contacts"] = lambda asked: Reply({"id": "new", "name": "Ada", "status": "ACTIVE"})
    plain, free = records.apply, []

    def look_then_apply(*args, **more):
        with psycopg.connect(**database.get_connection_params()) as other:
            found = other.execute("SELECT id FROM c_sydney.integrations_resourcestate FOR UPDATE SKIP LOCKED")
            free.append(found.fetchall())
        return plain(*args, **more)

    monkeypatch.setattr(records, "apply", look_then_apply)
    with hub.enter(committed["sydney"]):
        ledger = connect()
        ResourceState.objects.create(connection=ledger, resource="contacts")
        records.create_record(ledger, "contacts", {"name": "Ada"}, "k")
    assert free == [[]]
