"""Tables, formulas and directions in a compiled mapping, both ways."""

from __future__ import annotations

from decimal import Decimal

import pytest

from integrations.http.decode import Unreadable
from integrations.mapping.compile import MappingError, Reason, compile_mapping
from integrations.mapping.overrides import Override, fingerprint
from tests.sync import testbook
from tests.sync.testbook import contact, invoice

CONTACTS = testbook.provider.resource("contacts")
INVOICES = testbook.provider.resource("invoices")
STATUS = Override(transform="lookup", source="status", table=(("ACTIVE", "active"), ("GONE", "archived")))
NAMED = Override(
    transform="formula", source="full", formula='join(" ", first, name)', formula_out='join(", ", name, given_name)'
)


def mapping(resource=CONTACTS, **overrides):
    return compile_mapping(resource, overrides)


def test_a_table_takes_the_place_of_the_providers_converter():
    found = mapping(status=STATUS)
    assert found.inward(contact(1, status="GONE")).data["status"] == "archived"
    assert found.outward({"name": "Ada", "status": "archived"}) == {"name": "Ada", "status": "GONE"}


def test_a_value_without_a_row_sets_the_record_aside_naming_field_value_and_table():
    (reason,) = mapping(status=STATUS).inward(contact(1, status="OLD")).errors
    assert reason == Reason("status", "'OLD' stands in no row of the table of contacts.status: add a row for it there")


def test_what_cannot_be_read_is_no_value_of_a_table():
    broken = contact(1, status=Unreadable("text with a NUL character"))
    assert mapping(status=STATUS).inward(broken).errors == [Reason("status", "text with a NUL character")]


def test_a_formula_reads_the_whole_record():
    assert mapping(name=NAMED).inward(contact(1, name="Lovelace")).data["name"] == "Ada Lovelace"


def test_a_formula_that_cannot_be_worked_out_is_a_reason():
    total = Override(transform="formula", source="", formula="first + 1")
    (reason,) = mapping(phone=total).inward(contact(1)).errors
    assert reason.field == "phone"
    assert reason.message.startswith("the formula cannot be worked out: a text + a number")


def test_a_formula_makes_money_exactly_and_has_the_numbers_decoded_exactly():
    made = mapping(INVOICES, total=Override(transform="formula", source="", formula="money(subtotal + tax, currency)"))
    assert made.exact
    found = made.inward(invoice(1, subtotal=Decimal("0.10"), tax=Decimal("0.20"), currency="AUD"))
    assert found.data["total"] == {"minor": 30, "currency": "AUD", "exponent": 2}
    assert not mapping(status=STATUS).exact
    assert mapping(phone=Override(transform="formula", source="", formula="name")).exact


def test_a_formula_may_fill_a_field_the_provider_does_not_and_a_part_of_one():
    people = testbook.provider.resource("staff")
    city = Override(transform="formula", source="", formula="upper(town)")
    made = compile_mapping(people, {"address.locality": city})
    assert made.inward({"id": "1", "name": "A", "town": "Perth"}).data["address"] == {"locality": "PERTH"}


def test_a_required_field_that_a_formula_leaves_empty_is_missing():
    nothing = Override(transform="formula", source="", formula="null")
    assert Reason("name", "is missing") in mapping(name=nothing).inward(contact(1)).errors


def test_a_formula_may_give_the_key_of_another_record():
    party = Override(transform="formula", source="", formula="contact.id")
    assert mapping(INVOICES, party=party).inward(invoice(7)).refs == {"party": ("contacts", "c7")}


def test_a_formulas_way_out_is_a_formula_of_its_own_over_our_record():
    out = mapping(name=NAMED).outward({"name": "Lovelace", "given_name": "Ada"})
    assert out == {"full": "Lovelace, Ada", "first": "Ada"}


def test_without_a_way_out_a_formulas_field_is_not_sent():
    one_way = Override(transform="formula", source="name", formula="name")
    assert mapping(name=one_way).outward({"name": "Ada", "phone": "1"}) == {"phone": "1"}
    assert "name" not in mapping(name=one_way).out.fields


def test_an_exact_number_is_sent_digit_for_digit_and_money_only_as_its_amount():
    out = Override(transform="formula", source="sum", formula="null", formula_out="amount(total)")
    total = {"minor": 1210, "currency": "AUD", "exponent": 2}
    assert mapping(INVOICES, total=out).outward({"total": total})["sum"] == 12.1
    whole = Override(transform="formula", source="sum", formula="null", formula_out="total")
    with pytest.raises(ValueError, match="take one of its fields"):
        mapping(INVOICES, total=whole).outward({"total": total})
    made = Override(transform="formula", source="sum", formula="null", formula_out='money(1, "AUD")')
    with pytest.raises(ValueError, match=r"use amount\(\)"):
        mapping(INVOICES, total=made).outward({"total": total})


def test_the_direction_decides_what_is_taken_and_what_is_sent():
    found = mapping(phone=Override(source="phone", direction="in"), number=Override(source="number", direction="out"))
    data = found.inward({**contact(1), "phone": "1", "number": "N1"}).data
    assert data["phone"] == "1"
    assert "number" not in data
    assert found.outward({"phone": "1", "number": "N1"}) == {"number": "N1"}
    assert "phone" not in found.out.fields


def test_a_record_is_made_with_what_it_needs_though_that_only_goes_out():
    found = mapping(name=Override(source="name", direction="out"))
    assert found.inward(contact(1)).data["name"] == "Contact 1"


def test_what_is_never_written_here_is_still_sent():
    found = mapping(phone=Override(source="phone", write="never"))
    assert "phone" not in found.inward(contact(1, phone="1")).data
    assert found.outward({"phone": "1"}) == {"phone": "1"}


def test_the_write_mode_of_the_way_out_is_told_to_whoever_sends():
    found = mapping(
        phone=Override(source="phone", write_out="if_empty"),
        email=Override(source="email", write_out="never"),
        number=Override(source="number", write_out="append"),
        status=Override(source="status", direction="in", write_out="if_empty"),
    )
    assert found.out.rules == {"phone": "if_empty", "number": "append"}
    assert found.out.fields == {"name", "given_name", "number", "phone"}
    assert found.outward({"email": "a@b.org", "phone": "1"}) == {"phone": "1"}


def test_what_a_change_sends_is_that_field_and_the_formulas_that_read_it():
    found = mapping(name=NAMED)
    ours = {"name": "Lovelace", "given_name": "Ada", "phone": "1"}
    assert found.out.changed(ours, ["phone"]) == ({"phone": "1"}, {})
    assert found.out.changed(ours, ["given_name"]) == ({"first": "Ada", "full": "Lovelace, Ada"}, {})
    assert found.out.changed(ours, []) == ({}, {})


def test_what_cannot_be_put_in_the_vendors_words_is_a_reason_of_its_field_and_the_rest_is_sent():
    twice = Override(transform="lookup", source="status", table=(("A", "active"), ("B", "active")))
    sent, reasons = mapping(status=twice).out.changed({"status": "active", "phone": "1"}, ["status", "phone"])
    assert sent == {"phone": "1"}
    assert "could be 'A' or 'B'" in reasons["status"]
    broken = Override(transform="formula", source="phone", formula="phone", formula_out="phone + 1")
    _, reasons = mapping(phone=broken).out.changed({"phone": "1"}, ["phone"])
    assert "use text() or number()" in reasons["phone"]


@pytest.mark.parametrize(
    "other",
    [
        Override(source="status"),
        Override(source="status", direction="in"),
        Override(source="status", write_out="never"),
        Override(source="other", transform="lookup", table=STATUS.table),
        Override(source="status", transform="lookup", table=STATUS.table[::-1]),
        Override(source="status", transform="lookup", table=STATUS.table, otherwise="active"),
        Override(source="status", transform="formula", formula="status"),
        Override(source="status", transform="formula", formula="status", formula_out="status"),
        Override(source="status", transform="lookup", table=STATUS.table, owner="ours"),
        Override(source="status", transform="lookup", table=STATUS.table, write="never"),
    ],
)
def test_everything_that_changes_what_a_mapping_means_changes_its_fingerprint(other):
    assert fingerprint({"status": STATUS}) != fingerprint({"status": other})
    assert mapping(status=STATUS).fingerprint != mapping(status=other).fingerprint


def test_a_deviation_in_path_and_rules_is_fingerprinted_as_ever_so_that_nothing_is_read_again_for_it():
    assert fingerprint({"phone": Override(source="mobile", owner="ours")}) == "3267effe0d2ae7ff"


def test_a_formula_that_cannot_be_used_is_named_with_its_field_when_it_is_compiled():
    with pytest.raises(MappingError, match=r"contacts: phone: There is no function nonsense"):
        mapping(phone=Override(transform="formula", source="", formula="nonsense()"))
    with pytest.raises(MappingError, match=r"contacts: .*is empty"):
        mapping(phone=Override(transform="formula", source="x", formula="phone", formula_out=" "))
