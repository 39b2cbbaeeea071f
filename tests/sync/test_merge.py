"""Two sides change one record."""

from __future__ import annotations

import pytest

from finance.models import Invoice, InvoiceLine, Party
from integrations.changes.origins import by
from integrations.mapping.services import save_field_rules
from integrations.sync.engine import run_sync
from integrations.sync.models import RecordLink
from members.models import Member

from .testbook import contact, invoice, person

pytestmark = [pytest.mark.django_db, pytest.mark.services]


@pytest.fixture
def synced(ledger, vendor):
    """One contact, one person and one invoice, read once."""
    records = {"contacts": [contact(1, phone="1")], "staff": [person(1, tags=["a"])], "invoices": [invoice(1)]}
    for name, found in records.items():
        vendor.lists(f"/{name}", found)
        run_sync(ledger, name)
    return {name: found[0] for name, found in records.items()}


def again(ledger, name="contacts"):
    run = run_sync(ledger, name, full=True)
    assert run.state == "succeeded", run.message
    return run


def test_what_was_changed_here_stays_until_they_change_the_same(ledger, synced):
    Party.objects.update(name="Our name", email="our@example.com", version=2)
    synced["contacts"]["phone"] = "2"
    again(ledger)
    ours = Party.objects.get()
    assert (ours.name, ours.email, ours.phone, ours.version) == ("Our name", "our@example.com", "2", 3)
    synced["contacts"]["name"] = "Their name"
    again(ledger)
    ours.refresh_from_db()
    assert (ours.name, ours.email, ours.phone) == ("Their name", "our@example.com", "2")


def test_the_same_change_on_both_sides_is_none(ledger, synced):
    Party.objects.update(phone="2")
    synced["contacts"]["phone"] = "2"
    assert again(ledger).unchanged == 1
    assert Party.objects.get().version == 1


def test_a_blank_there_does_not_erase_what_is_here(ledger, synced):
    synced["contacts"].update(phone=None, email="", first="   ")
    assert again(ledger).unchanged == 1
    ours = Party.objects.get()
    assert (ours.phone, ours.email, ours.given_name) == ("1", "c1@example.com", "Ada")
    assert RecordLink.objects.get(resource="contacts").base["phone"] == "1"


def test_lines_changed_here_stay_until_theirs_change(ledger, synced):
    InvoiceLine.objects.filter(description="Fee").update(account_code="200")
    synced["invoices"]["number"] = "INV-9"
    again(ledger, "invoices")
    assert InvoiceLine.objects.get(description="Fee").account_code == "200"
    assert Invoice.objects.get().number == "INV-9"
    synced["invoices"]["lines"][1]["text"] = "Books"
    again(ledger, "invoices")
    assert set(InvoiceLine.objects.values_list("description", "account_code")) == {("Fee", ""), ("Books", "")}


def test_a_row_deleted_here_comes_back_only_when_they_change_it(ledger, synced):
    was = Party.objects.get().pk
    Invoice.objects.update(party=None)
    Party.objects.all().delete()
    assert again(ledger).unchanged == 1
    assert not Party.objects.exists()
    synced["contacts"]["phone"] = "2"
    assert again(ledger).created == 1
    assert (Party.objects.get().pk, Party.objects.get().version) == (was, 1)


def test_an_unlinked_record_is_left_alone(ledger, synced):
    RecordLink.objects.filter(resource="contacts").update(state=RecordLink.State.UNLINKED)
    synced["contacts"]["phone"] = "2"
    assert again(ledger).unchanged == 1
    assert Party.objects.get().phone == "1"


def test_a_new_mapping_version_looks_at_everything_and_writes_nothing_that_is_the_same(ledger, synced):
    save_field_rules(ledger, "contacts", {"tax_number": {"source": "abn"}})
    assert again(ledger).unchanged == 1
    assert Party.objects.get().version == 1
    synced["contacts"]["abn"] = "51 824 753 556"
    assert again(ledger).updated == 1
    assert Party.objects.get().tax_number == "51 824 753 556"


def test_a_base_that_is_no_longer_valid_starts_from_what_is_here(ledger, synced):
    RecordLink.objects.filter(resource="contacts").update(base={"shoe_size": 7})
    Party.objects.update(tax_number="here")
    synced["contacts"]["phone"] = "2"
    assert again(ledger).updated == 1
    assert (Party.objects.get().phone, Party.objects.get().tax_number) == ("2", "here")


RULES = [
    # owner, write, ours before, theirs before -> after, what is here then
    ("theirs", "always", "ours", "2", "2"),
    ("ours", "always", "ours", "2", "ours"),
    ("ours", "always", None, "2", "2"),  # not changed here
    ("ours", "always", "", "2", "2"),  # blanked here
    ("newest", "always", "ours", "2", "ours"),  # changed here after they say they changed it
    ("ask", "always", "ours", "2", "ours"),  # until a person decides
    ("ask", "always", "2", "2", "2"),  # the same on both sides
    ("ask", "always", None, "2", "2"),
    ("theirs", "if_empty", "ours", "2", "ours"),
    ("theirs", "if_empty", "", "2", "2"),
    ("theirs", "never", None, "2", "1"),
    ("theirs", "append", None, "2", "1\n2"),
    ("theirs", "append", "1 and 2", "2", "1 and 2"),
    ("theirs", "append", "", "2", "2"),
]


@pytest.mark.parametrize("rule", RULES)
def test_a_fields_rule_decides(ledger, synced, rule):
    owner, write, ours, theirs, then = rule
    save_field_rules(ledger, "contacts", {"phone": {"owner": owner, "write": write}})
    again(ledger)
    if ours is not None:
        with by("user:7"):
            Party.objects.update(phone=ours)
    synced["contacts"]["phone"] = theirs
    synced["contacts"]["first"] = "Changed"
    again(ledger)
    found = Party.objects.get()
    assert (found.phone, found.given_name) == (then, "Changed")


def test_a_list_is_added_to(ledger, synced):
    save_field_rules(ledger, "staff", {"tags": {"write": "append"}})
    Member.objects.update(tags=["a", "ours"])
    synced["staff"]["tags"] = ["theirs", "a"]
    again(ledger, "staff")
    assert Member.objects.get().tags == ["a", "ours", "theirs"]


def test_a_field_never_written_is_not_written_when_a_record_is_made(ledger, vendor):
    save_field_rules(ledger, "contacts", {"phone": {"write": "never"}, "name": {"write": "never"}})
    records = [contact(1, phone="1")]
    vendor.lists("/contacts", records)
    run_sync(ledger, "contacts")
    assert (Party.objects.get().phone, Party.objects.get().name) == ("", "Contact 1")
    records[0].update(phone="2", name="New", first="Changed")
    again(ledger)
    found = Party.objects.get()
    assert (found.phone, found.name, found.given_name) == ("", "Contact 1", "Changed")
