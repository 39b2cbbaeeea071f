"""A mapping tried on a few real records before it is saved."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection as database

from integrations.connections.models import Connection
from integrations.http.decode import Unreadable
from integrations.mapping.models import FieldMapping, MappingVersion
from integrations.mapping.services import MappingRefused, save_field_rules
from integrations.sync.engine import run_sync
from integrations.sync.models import QuarantinedRecord, RecordLink, ResourceState, SyncRun
from integrations.sync.preview import LONGEST_SAMPLE, packed, preview, sample, unpacked

from .testbook import contact, invoice, person
from .vendor import Reply

pytestmark = [pytest.mark.django_db, pytest.mark.services]

STATUS = {"transform": "lookup", "source": "status", "table": [["ACTIVE", "archived"]]}


def fields(connection, resource, changes, record):
    (shown,) = preview(connection, resource, changes, [record])
    return {one.field: one for one in shown.fields}


def test_a_few_records_are_fetched_with_one_request(ledger, vendor):
    vendor.lists("/contacts", [contact(n) for n in range(1, 30)])
    taken = sample(ledger, "contacts")
    assert [one["id"] for one in taken.records] == ["c1", "c2", "c3"]
    assert taken.message == ""
    assert len(vendor.asked) == 1


def test_theirs_ours_now_and_ours_then_stand_side_by_side(ledger):
    save_field_rules(ledger, "contacts", {"phone": {"source": "mobile"}})
    changes = {
        "phone": {"source": "phone"},
        "status": STATUS,
        "given_name": {"transform": "formula", "formula": 'join("-", first, name)'},
        "email": {"source": ""},
    }
    found = fields(ledger, "contacts", changes, contact(1, phone="1", mobile="2"))
    assert (found["phone"].theirs, found["phone"].now, found["phone"].then) == ("1", "2", "1")
    assert (found["status"].now, found["status"].then) == ("active", "archived")
    assert found["given_name"].theirs == "first: Ada, name: Contact 1"
    assert found["given_name"].then == "Ada-Contact 1"
    assert (found["email"].now, found["email"].then, found["email"].changes) == ("c1@example.com", "", True)
    assert not found["name"].changes


def test_errors_stand_beside_their_field(ledger):
    odd = {"transform": "formula", "formula": "name + 1"}
    found = fields(ledger, "contacts", {"phone": odd, "email": {"source": "name"}}, contact(1, status="PAUSED"))
    assert "use text() or number()" in found["phone"].error_then
    assert "'PAUSED' is not one of" in found["status"].error_now
    assert "email" in found["email"].error_then.lower()
    assert found["email"].error_now == ""


def test_what_is_wrong_with_the_record_as_a_whole_is_said_too(ledger):
    wrong = {"total": {"transform": "formula", "formula": "money(subtotal + 1, currency)"}}
    exactly = unpacked(packed([invoice(1)]))
    (shown,) = preview(ledger, "invoices", wrong, exactly)
    (said,) = shown.errors
    assert said.startswith("due 2000 is not total 2100")
    assert not any(one.error_then for one in shown.fields)
    (shown,) = preview(ledger, "invoices", {}, exactly)
    assert shown.errors == []


def test_money_and_lists_are_shown_as_people_read_them(ledger):
    found = fields(ledger, "invoices", {}, invoice(1, total=Decimal("20.00")))
    assert found["total"].then == "20.00 AUD"
    assert '"Fee"' in found["lines"].then
    assert found["party"].then == "c1"
    assert found["party"].error_then == ""


def test_what_cannot_be_read_and_what_is_endless_is_shown_short(ledger):
    found = fields(ledger, "contacts", {}, contact(1, first="x" * 5000, phone=Unreadable("text with a NUL character")))
    assert len(found["given_name"].then) < 400
    assert found["phone"].error_then == "text with a NUL character"


def test_what_would_be_refused_is_refused_here_too(ledger):
    with pytest.raises(MappingRefused, match="no such field"):
        preview(ledger, "contacts", {"shoe_size": {"source": "shoe"}}, [])


def test_a_saved_mapping_that_no_longer_compiles_can_be_mended(ledger):
    FieldMapping.objects.create(
        connection=ledger, resource="contacts", field="phone", transform="formula", formula="nonsense()"
    )
    found = fields(ledger, "contacts", {"phone": {"formula": "first"}}, contact(1))
    assert (found["phone"].now, found["phone"].then) == ("", "Ada")


@pytest.mark.parametrize("status", [Connection.Status.EXPIRED, Connection.Status.DISCONNECTED])
def test_offline_it_says_so_and_asks_nobody(ledger, vendor, status):
    ledger.status = status
    assert "is not connected, so there is no record to try it on" in sample(ledger, "contacts").message
    assert vendor.asked == []


def test_a_vendor_that_cannot_be_reached_is_said_in_a_sentence(ledger, vendor):
    vendor.faults = [Reply({}, 503)]
    assert (
        "No record could be fetched to try it on. Testbook has a fault of its own" in sample(ledger, "contacts").message
    )


def test_an_empty_vendor_is_said_too(ledger, vendor):
    vendor.lists("/contacts", [])
    assert sample(ledger, "contacts").message == "Testbook has no record to try it on."


def test_a_list_inside_another_is_tried_on_the_first_parents(ledger, vendor):
    assert "before lists are synced" in sample(ledger, "people").message
    vendor.lists("/lists", [{"id": "l1", "name": "News"}])
    vendor.lists("/lists/l1/people", [person(1)])
    run_sync(ledger, "lists")
    (record,) = sample(ledger, "people").records
    assert record["list"] == "l1"
    assert fields(ledger, "people", {}, record)["display_name"].then == "Person 1"


def test_nothing_is_stored(ledger, vendor, melbourne, sydney):
    vendor.lists("/contacts", [contact(1), contact(2, status="PAUSED")])
    preview(ledger, "contacts", {"status": STATUS}, sample(ledger, "contacts").records)
    kept = (FieldMapping, MappingVersion, QuarantinedRecord, RecordLink, ResourceState, SyncRun)
    for chapter in (sydney, melbourne):
        database.set_tenant(chapter)
        assert not any(model.objects.exists() for model in kept)
    database.set_tenant(sydney)


def test_a_sample_travels_with_the_page_digit_for_digit():
    records = [{"id": "1", "amount": Decimal("12.10"), "deep": [{"n": 1, "bad": Unreadable("no")}], "none": None}]
    (found,) = unpacked(packed(records))
    assert (found["amount"], type(found["amount"])) == (Decimal("12.10"), Decimal)
    assert found["deep"][0]["bad"].reason == "no"
    assert found | {"deep": 0} == records[0] | {"deep": 0}


@pytest.mark.parametrize(
    "text",
    ["", "{", "5", '"x"', "[1, 2]", "[" * 50_000, '[{"$decimal": "x"}]', "x" * (LONGEST_SAMPLE + 1), '{"a": 1}'],
    ids=lambda text: text[:12],
)
def test_a_sample_that_somebody_else_wrote_is_none(text):
    assert unpacked(text) == []


@pytest.mark.parametrize("digits", ['{"$decimal": "1e999999999"}', "1e999999999", '{"$decimal": "NaN"}'])
def test_a_number_that_the_door_would_not_have_read_is_none_here(digits):
    (found,) = unpacked(f'[{{"a": {digits}}}]')
    assert isinstance(found["a"], Unreadable)


def test_a_sample_that_is_too_large_does_not_travel():
    assert packed([{"a": "x" * LONGEST_SAMPLE}]) == ""
