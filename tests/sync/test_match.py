"""Records that are not linked yet find their own."""

from __future__ import annotations

import pytest

from finance.models import Invoice, Party
from integrations.connections.models import Connection
from integrations.sync.engine import run_sync
from integrations.sync.models import RecordLink
from members.models import Member

from .conftest import connect
from .testbook import contact, invoice, person

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def party(**more):
    return Party.objects.create(**{"name": "Contact 1", "email": "c1@example.com", **more})


def links():
    return dict(RecordLink.objects.values_list("external_id", "match"))


def test_the_same_natural_key_is_the_same_record(ledger, vendor):
    ours = party(tax_number="123")
    vendor.lists("/contacts", [contact(1, phone="555"), contact(2)])
    run = run_sync(ledger, "contacts")
    assert (run.created, run.updated) == (1, 1), run.message
    assert links() == {"c1": "natural_key", "c2": "created"}
    ours.refresh_from_db()
    assert (ours.phone, ours.tax_number, ours.version) == ("555", "123", 2)  # what they do not say is left
    assert RecordLink.objects.get(external_id="c1").record_id == ours.pk


def test_a_match_that_says_nothing_new_writes_only_the_link(ledger, vendor):
    ours = party(given_name="Ada")
    vendor.lists("/contacts", [contact(1)])
    run = run_sync(ledger, "contacts")
    assert (run.created, run.updated, run.unchanged) == (0, 0, 1)
    ours.refresh_from_db()
    assert ours.version == 1
    assert run_sync(ledger, "contacts", full=True).unchanged == 1


def test_a_stronger_key_counts_before_a_weaker_one(ledger, vendor):
    party(name="Other", email="o@example.com", number="N7")
    party()
    vendor.lists("/contacts", [{**contact(1), "number": "N7"}])
    run_sync(ledger, "contacts")
    assert RecordLink.objects.get().record_id == Party.objects.get(number="N7").pk
    assert Party.objects.get(number="N7").name == "Contact 1"


def test_an_ambiguous_key_matches_nothing(ledger, vendor):
    party()
    party()
    vendor.lists("/contacts", [contact(1)])
    assert run_sync(ledger, "contacts").created == 1
    assert Party.objects.count() == 3


def test_half_a_key_matches_nothing(ledger, vendor):
    party(email="")
    vendor.lists("/contacts", [contact(1), contact(2, name="Contact 1", email=None)])
    assert run_sync(ledger, "contacts").created == 2


def test_of_several_that_claim_one_only_the_first_gets_it(ledger, vendor):
    party()
    vendor.lists("/contacts", [contact(1, id="first"), contact(1, id="second")])
    run = run_sync(ledger, "contacts")
    assert (run.created, links()) == (1, {"first": "natural_key", "second": "created"})


def test_a_record_that_is_linked_already_is_not_matched_again(ledger, vendor):
    vendor.lists("/contacts", [contact(1)])
    run_sync(ledger, "contacts")
    vendor.lists("/contacts", [contact(1), contact(1, id="twin")])
    assert run_sync(ledger, "contacts", full=True).created == 1
    assert Party.objects.count() == 2


def test_another_connection_finds_the_same_record(ledger, vendor):
    vendor.lists("/contacts", [contact(1)])
    vendor.lists("/offsets", [contact(1)])
    run_sync(ledger, "contacts")
    run_sync(ledger, "offsets")
    run_sync(connect("Second"), "contacts")
    assert Party.objects.count() == 1
    assert RecordLink.objects.count() == 3


def test_three_part_keys_and_two_types(ledger, vendor):
    Member.objects.create(
        display_name="Person 1", email="p1@example.com", given_name="Grace", family_name="Hopper 1", phone="1"
    )
    Member.objects.create(display_name="Other", email="p2@example.com", given_name="Grace", family_name="Other")
    vendor.lists("/staff", [person(1), person(2)])
    run = run_sync(ledger, "staff")
    assert (links(), run.held) == ({"p1": "natural_key"}, 1)  # two parts of three are a question
    note = Invoice.objects.create(
        type="credit_note", number="INV-1", issued_on="2026-01-01", status="paid", currency="AUD", subtotal_minor=0,
        tax_minor=0, total_minor=0,
    )  # fmt: skip
    vendor.lists("/invoices", [invoice(1)])
    run_sync(ledger, "invoices")
    assert Invoice.objects.filter(number="INV-1").exclude(pk=note.pk).count() == 1


def test_a_record_of_ours_that_is_not_valid_is_named_and_left_alone(ledger, vendor):
    ours = party(currency="xx")
    vendor.lists("/contacts", [contact(1)])
    run = run_sync(ledger, "contacts")
    assert run.quarantined == 1
    from integrations.sync.models import QuarantinedRecord

    (reason,) = QuarantinedRecord.objects.get().reasons
    assert (reason["field"], "our own record is not valid" in reason["message"]) == ("currency", True)
    ours.refresh_from_db()
    assert ours.version == 1


def test_a_weaker_key_does_not_match_what_a_stronger_one_tells_apart(ledger, vendor):
    father = party(number="N1")
    vendor.lists("/contacts", [{**contact(1), "number": "N2"}])
    vendor.lists("/offsets", [contact(1)])
    assert run_sync(ledger, "contacts").created == 1
    father.refresh_from_db()
    assert (father.number, father.version) == ("N1", 1)
    Party.objects.exclude(pk=father.pk).delete()
    run_sync(ledger, "offsets")  # says no number: the weaker key is all there is
    assert RecordLink.objects.get(resource="offsets").record_id == father.pk


def test_numbers_of_two_ledgers_are_two_records_and_of_one_ledger_connected_anew_one(ledger, vendor):
    def of(account, connection):
        Connection.objects.filter(pk=connection.pk).update(account_id=account)
        connection.refresh_from_db()
        return connection

    vendor.lists("/invoices", [invoice(1)])
    run_sync(of("first", ledger), "invoices")
    assert run_sync(of("another", connect("Foundation ledger")), "invoices").created == 1
    assert Invoice.objects.filter(number="INV-1").count() == 2
    run = run_sync(of("first", connect("The first, anew")), "invoices")
    assert (run.created, Invoice.objects.count()) == (0, 2)


def test_connections_whose_vendor_names_no_account_are_two_ledgers(ledger, vendor):
    vendor.lists("/invoices", [invoice(1)])
    run_sync(ledger, "invoices")
    assert run_sync(connect("Foundation ledger"), "invoices").created == 1
    assert Invoice.objects.filter(number="INV-1").count() == 2
