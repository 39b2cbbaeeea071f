"""How a connection's own mapping sends: only filling, only adding, worked out by a formula, or not at all."""

from __future__ import annotations

import pytest

from finance.models import Party
from integrations.mapping.services import save_field_rules

from .conftest import sync, two_way
from .test_sending import contacts, edit

pytestmark = pytest.mark.services


def test_a_field_that_is_only_filled_there_is_sent_where_theirs_is_empty(ledger, shop):
    save_field_rules(ledger, "contacts", {"phone": {"source": "phone", "write_out": "if_empty"}})
    contacts(shop)
    shop.put("contacts", "c2", name="Contact 2", email="c2@example.com", phone="")
    two_way(ledger)
    edit("Contact 1", phone="0400 111")
    edit("Contact 2", phone="0400 222")
    assert sync(ledger).sent == 1
    assert shop.bodies() == [{"items": [{"phone": "0400 222", "id": "c2"}]}]
    assert Party.objects.get(name="Contact 1").phone == "0400 111"
    assert sync(ledger).sent == 0


def test_a_field_that_is_only_added_to_keeps_what_they_have(ledger, shop):
    save_field_rules(ledger, "contacts", {"phone": {"source": "phone", "write_out": "append"}})
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", phone="0400 111")
    sync(ledger)
    assert shop.records["contacts"]["c1"]["phone"] == "1\n0400 111"
    assert sync(ledger).sent == 0
    assert len(shop.bodies()) == 1


def test_a_field_that_only_comes_in_is_not_sent(ledger, shop):
    save_field_rules(ledger, "contacts", {"phone": {"source": "phone", "direction": "in"}})
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", phone="0400 111", given_name="Ada")
    sync(ledger)
    assert shop.bodies() == [{"items": [{"first": "Ada", "id": "c1"}]}]


def test_a_formula_on_the_way_out_may_read_other_fields_of_the_record(ledger, shop):
    rule = {
        "transform": "formula",
        "source": "first",
        "formula": "first",
        "formula_out": 'join(" ", given_name, email)',
    }
    save_field_rules(ledger, "contacts", {"given_name": rule})
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", given_name="Ada")
    assert sync(ledger).sent == 1
    assert shop.records["contacts"]["c1"]["first"] == "Ada c1@example.com"
    assert Party.objects.get(name="Contact 1").given_name in {"Ada", "Ada c1@example.com"}
