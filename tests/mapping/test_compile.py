"""The declaration of a mapping, compiled: inward, outward, digest."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.mapping.compile import MappingError, Reason, compile_mapping
from integrations.mapping.overrides import Override
from integrations.mapping.paths import getter, setter
from integrations.provider import Const, Converter, Each, Field, Mapping, Resource, Within, convert
from tests.sync import testbook
from tests.sync.testbook import contact, invoice

CONTACTS = testbook.provider.resource("contacts")
INVOICES = testbook.provider.resource("invoices")


def resource(*fields, target="finance.party", **more):
    return Resource("things", path="/t", records="", key="id", target=target, mapping=Mapping(*fields), **more)


@pytest.mark.parametrize(
    ("path", "record", "found"),
    [
        ("a", {"a": 1}, 1),
        ("a.b.c", {"a": {"b": {"c": 1}}}, 1),
        ("a.b", {"a": None}, None),
        ("a.b", {"a": "text"}, None),
        ("a.b", [], None),
        ("a", "text", None),
        ("a.1.b", {"a": [{}, {"b": 2}]}, 2),
        ("a.7", {"a": [1]}, None),
        ("a.-1", {"a": [1]}, None),
        ("", {"a": 1}, {"a": 1}),
    ],
)
def test_a_path_finds_what_is_there_and_none_for_the_rest(path, record, found):
    assert getter(path)(record) == found


def test_a_setter_makes_the_objects_on_the_way():
    record = {"a": {"x": 1}}
    setter("a.b.c")(record, 2)
    assert record == {"a": {"x": 1, "b": {"c": 2}}}


def test_a_record_arrives_in_canonical_shape():
    mapped = compile_mapping(INVOICES).inward(invoice(7, total=Decimal("20.00")))
    assert mapped.key == "i7"
    assert mapped.data["total"] == {"minor": 2000, "currency": "AUD", "exponent": 2}
    assert mapped.refs == {"party": ("contacts", "c7")}
    assert mapped.data["type"] == "receivable"


def test_lines_reach_the_record_they_are_in_and_drop_what_is_not_said():
    lines = [{"text": "Fee", "amount": Decimal("0.123"), "quantity": None}]
    mapped = compile_mapping(INVOICES).inward(invoice(1, currency="KWD", lines=lines))
    assert mapped.data["lines"] == [
        {"description": "Fee", "amount": {"minor": 123, "currency": "KWD", "exponent": 3}},
    ]


def test_a_reason_is_said_with_its_field_where_it_has_one():
    assert [str(Reason("email", "is not an address")), str(Reason("", "is no object"))] == [
        "email: is not an address", "is no object",
    ]  # fmt: skip


def test_every_reason_is_collected_with_its_place():
    record = invoice(1, date="soon", status="lost", lines=[{"text": 5}, "no object"])
    mapped = compile_mapping(INVOICES).inward(record)
    assert [reason.field for reason in mapped.errors if "." not in reason.field][:2] == ["issued_on", "status"]
    assert Reason("lines.0.description", "expected text, got int") in mapped.errors
    assert Reason("lines.1", "expected an object, got text") in mapped.errors


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        (None, "no key"),
        ("", "no key"),
        (True, "is no key"),
        (1.5, "is no key"),
        ({}, "is no key"),
        ("x" * 256, "256 characters"),
        ("a\x00b", "characters that cannot"),
        ("a\ud800", "characters that cannot"),
        ("..", "characters that cannot"),
        (10**300, "301 characters"),
    ],
)
def test_a_key_that_cannot_be_one_is_a_reason(key, sentence):
    mapped = compile_mapping(CONTACTS).inward({**contact(1), "id": key})
    assert mapped.key == ""
    assert sentence in mapped.errors[0].message


def test_a_whole_number_may_be_a_key():
    assert compile_mapping(CONTACTS).inward({**contact(1), "id": 42}).key == "42"


@pytest.mark.parametrize("record", [None, [], "text", 5, True])
def test_what_is_no_object_has_a_reason_and_no_key(record):
    mapped = compile_mapping(CONTACTS).inward(record)
    assert (mapped.key, len(mapped.errors)) == ("", 1)


def test_a_key_inside_a_parent_carries_the_parents():
    inner = resource(Field("name", "name"), within=Within("lists", into="list"))
    assert compile_mapping(inner).inward({"id": "p1", "list": "l1"}).key == "l1/p1"


def test_required_fields_that_are_missing_are_named():
    assert Reason("name", "is missing") in compile_mapping(CONTACTS).inward({"id": "1", "name": "  "}).errors


def test_a_converter_that_breaks_is_a_reason_and_no_exception():
    broken = resource(Field("name", "name", Converter(lambda value: value["x"]["y"])))
    mapped = compile_mapping(broken).inward({"id": "1", "name": "x"})
    assert mapped.errors == [Reason("name", "cannot be read (TypeError)")]


def test_dotted_fields_make_one_object_or_none():
    address = resource(
        Field("display_name", "name"),
        Field("address.locality", "city", convert.text),
        Field("address.country", "country", convert.upper),
        target="members.member",
    )
    mapping = compile_mapping(address)
    assert mapping.inward({"id": "1", "city": "Perth"}).data["address"] == {"locality": "Perth"}
    assert mapping.inward({"id": "1"}).data["address"] is None


def test_numbers_are_read_exactly_where_a_field_asks_for_it():
    assert compile_mapping(INVOICES).exact
    assert not compile_mapping(CONTACTS).exact


def test_the_way_out_is_the_way_in_backwards():
    mapping = compile_mapping(CONTACTS)
    record = mapping.outward({"name": "Ada", "email": "a@b.org", "status": "archived", "phone": None})
    assert record == {"name": "Ada", "email": "a@b.org", "status": "OLD"}
    out = compile_mapping(INVOICES).outward(
        {"party": "c1", "total": {"minor": 1210, "currency": "AUD", "exponent": 2},
         "lines": [{"description": "Fee", "amount": {"minor": 500, "currency": "JPY", "exponent": 0}}]}
    )  # fmt: skip
    assert out == {
        "contact": {"id": "c1"},
        "total": 12.1,
        "currency": "JPY",
        "lines": [{"text": "Fee", "amount": 500}],
    }


def test_a_part_that_a_converter_has_nothing_for_is_not_sent():
    total = Converter(lambda amount, code: None, lambda money: (None, money["currency"]))
    mapping = compile_mapping(resource(Field("total", ("Total", "Currency"), total), target="finance.invoice"))
    assert mapping.outward({"total": {"minor": 1, "currency": "AUD", "exponent": 2}}) == {"Currency": "AUD"}


def test_the_digest_depends_on_data_version_and_deviations_and_not_on_order():
    plain = compile_mapping(CONTACTS)
    assert plain.digest({"a": 1, "b": 2}) == plain.digest({"b": 2, "a": 1})
    assert len(plain.digest({})) == 32
    other = compile_mapping(CONTACTS, {"phone": Override(source="mobile")})
    newer = compile_mapping(resource(*testbook.CONTACT.fields))
    newest = compile_mapping(
        Resource("things", path="/t", records="", key="id", target="finance.party",
                 mapping=Mapping(*testbook.CONTACT.fields, version=2))
    )  # fmt: skip
    assert len({one.digest({"a": 1}) for one in (plain, other, newest)}) == 3
    assert plain.digest({"a": 1}) == newer.digest({"a": 1})


def test_a_digest_is_made_of_anything():
    digest = compile_mapping(CONTACTS).digest
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    odd = ["\ud800", "\x00", 2**200, Decimal("1.10"), float("nan"), deep, 10**5000]
    assert all(len(digest({"a": value})) == 32 for value in odd)


def test_deviations_replace_paths_add_fields_and_leave_fields_out():
    overrides = {
        "phone": Override(source="mobile"),
        "email": Override(source=""),
        "tax_number": Override(source="abn"),
        "given_name": Override(source="first", write="never"),
        "name": Override(source="name", owner="ours", write="never"),
    }
    mapping = compile_mapping(CONTACTS, overrides)
    data = mapping.inward({**contact(1), "phone": "1", "mobile": "2", "abn": "3"}).data
    assert (data["phone"], data["tax_number"]) == ("2", "3")
    assert "email" not in data
    assert "given_name" not in data
    assert data["name"] == "Contact 1"  # a record cannot be made without it
    assert mapping.rules["name"] == ("ours", "never")


def test_a_reference_that_the_target_does_not_have_is_refused():
    with pytest.raises(MappingError, match="email is no reference"):
        compile_mapping(resource(Field("email", "e", ref="contacts")))


def test_several_paths_without_a_converter_are_refused():
    with pytest.raises(MappingError, match="need a converter"):
        compile_mapping(resource(Field("name", ("a", "b"))))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.decimals(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ["id", "name", "first", "email", "status", "date", "currency", "total", "due", "lines", "contact", "text"]
shaped = st.dictionaries(st.sampled_from(FIELDS), anything, max_size=12)


@given(anything | shaped)
def test_no_record_makes_a_mapping_raise(record):
    for name in ("contacts", "invoices", "people"):
        mapping = compile_mapping(testbook.provider.resource(name))
        mapped = mapping.inward(record)
        assert len(mapping.digest(mapped.data)) == 32
        assert mapped.key or mapped.errors


def test_a_list_is_taken_whole_or_not_at_all():
    mapping = compile_mapping(resource(Field("name", "name"), Each("tags", "tags", (Const("a", 1), Field("b", "b")))))
    assert mapping.inward({"id": "1"}).data["tags"] is None
    assert mapping.inward({"id": "1", "tags": []}).data["tags"] == []
    assert mapping.inward({"id": "1", "tags": {}}).errors == [Reason("tags", "expected a list, got an object")]
    assert mapping.inward({"id": "1", "tags": [{"b": 2}]}).data["tags"] == [{"a": 1, "b": 2}]


def test_a_part_takes_the_place_of_what_is_no_object():
    mapping = compile_mapping(
        resource(Field("address", "addr"), Field("address.city", "city"), target="members.member")
    )
    for whole in (None, "1 Main Street"):
        assert mapping.inward({"id": "1", "addr": whole, "city": "Sydney"}).data["address"] == {"city": "Sydney"}


def test_one_name_and_several_mean_the_same():
    assert getter("1")(["a", "b"]) == getter("x.1")({"x": ["a", "b"]}) == "b"
