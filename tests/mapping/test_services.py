"""A connection's deviations, read and saved."""

from __future__ import annotations

import pytest

from integrations import hub, registry
from integrations.connections.models import Connection
from integrations.mapping import services
from integrations.mapping.compile import compile_mapping
from integrations.mapping.models import FieldMapping
from integrations.mapping.overrides import overrides_of
from integrations.sync.models import ResourceState

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def in_force(connection):
    contacts = registry.get(connection.provider).resource("contacts")
    return compile_mapping(contacts, overrides_of(connection, "contacts")).fingerprint


def test_the_rules_in_force_are_the_providers_until_somebody_deviates(ledger):
    rules = {rule.field: rule for rule in services.field_rules(ledger, "invoices")}
    assert (rules["total"].source, rules["total"].overridden) == ("total,currency", False)
    assert (rules["type"].kind, rules["lines"].kind) == ("constant", "list")
    assert rules["issued_on"].required
    assert not rules["number"].required


def test_a_deviation_is_saved_and_taken_back_and_each_time_everything_is_read_again(ledger, melbourne, sydney):
    state = ResourceState.objects.create(connection=ledger, resource="contacts", cursor="2026-01-01T00:00:00+00:00")
    before = in_force(ledger)
    services.save_field_rules(ledger, "contacts", {"phone": {"source": "mobile", "write": "if_empty"}})
    state.refresh_from_db()
    assert state.cursor == ""
    rule = next(rule for rule in services.field_rules(ledger, "contacts") if rule.field == "phone")
    assert (rule.source, rule.default_source, rule.write, rule.owner) == ("mobile", "phone", "if_empty", "theirs")
    assert in_force(ledger) != before
    services.save_field_rules(ledger, "contacts", {"phone": None})
    assert in_force(ledger) == before
    assert not FieldMapping.objects.exists()


def test_a_change_without_effect_reads_nothing_again(ledger):
    state = ResourceState.objects.create(connection=ledger, resource="contacts", cursor="2026-01-01T00:00:00+00:00")
    services.save_field_rules(ledger, "contacts", {"phone": {"write": "append"}})
    ResourceState.objects.update(cursor="2026-02-01T00:00:00+00:00")
    services.save_field_rules(ledger, "contacts", {"phone": {"write": "append"}})
    state.refresh_from_db()
    assert state.cursor == "2026-02-01T00:00:00+00:00"


def test_a_deviation_of_one_chapter_is_not_one_of_the_other(ledger, melbourne, sydney):
    services.save_field_rules(ledger, "contacts", {"phone": {"source": "mobile"}})
    connection = hub.current()
    assert connection == sydney
    from django.db import connection as database

    database.set_tenant(melbourne)
    other = Connection.objects.get()
    assert not any(rule.overridden for rule in services.field_rules(other, "contacts"))
    database.set_tenant(sydney)


@pytest.mark.parametrize(
    ("field", "change", "sentence"),
    [
        ("shoe_size", {"source": "shoe"}, "no such field"),
        ("name", {"source": ""}, "cannot be made without it"),
        ("phone", {"owner": "nobody"}, "owner is one of"),
        ("phone", {"write": "twice"}, "write mode is one of"),
        ("phone", {"source": "a..b"}, "dotted path"),
        ("phone", {"source": "a b; drop"}, "dotted path"),
        ("phone", {"source": "x" * 201}, "200 characters"),
        ("phone", {"source": "a,b"}, "made of 1 path"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence_and_nothing_is_saved(ledger, field, change, sentence):
    with pytest.raises(services.MappingRefused) as refused:
        services.save_field_rules(ledger, "contacts", {"email": {"source": "mail"}, field: change})
    assert sentence in refused.value.reasons[field]
    assert not FieldMapping.objects.exists()


def test_a_constant_cannot_be_changed(ledger):
    with pytest.raises(services.MappingRefused, match="same in every record"):
        services.save_field_rules(ledger, "invoices", {"type": {"source": "kind"}})


def test_an_unknown_resource_is_a_key_error(ledger):
    with pytest.raises(KeyError):
        services.field_rules(ledger, "shoes")


TABLE = [["ACTIVE", "active"], ["GONE", "archived"]]
LOOKUP = {"transform": "lookup", "source": "status", "table": TABLE}


@pytest.mark.parametrize(
    ("resource", "field", "change", "part", "sentence"),
    [
        ("contacts", "phone", {"transform": "magic"}, "transform", "direct, lookup, formula"),
        ("contacts", "phone", {"direction": "sideways"}, "direction", "both, in, out"),
        ("contacts", "phone", {"write_out": "twice"}, "write_out", "on the way out"),
        ("contacts", "name", {"direction": "out"}, "direction", "cannot only go out"),
        ("tags", "size", {"direction": "out"}, "direction", "would go neither way"),
        ("contacts", "status", {"transform": "lookup"}, "table", "no row"),
        ("contacts", "status", {"transform": "lookup", "table": [["A", "x"], ["A", "y"]]}, "table", "two rows"),
        ("contacts", "status", {**LOOKUP, "source": ""}, "source", "whose values"),
        ("contacts", "status", {**LOOKUP, "otherwise": ["x"]}, "table", "one value"),
        ("invoices", "total", {"transform": "lookup", "table": TABLE}, "source", "whose values"),
        ("contacts", "phone", {"transform": "formula"}, "formula", "is empty"),
        ("contacts", "phone", {"transform": "formula", "formula": "9**9**9"}, "formula", "powers"),
        ("contacts", "phone", {"transform": "formula", "formula": "1", "formula_out": "x("}, "formula_out", "be read"),
        ("contacts", "phone", {"transform": "formula", "formula": "1", "formula_out": "name", "source": ""}, "source", "way out"),
        ("invoices", "lines", {"transform": "formula", "formula": "lines"}, "transform", "only its path"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_transform_is_refused_beside_its_part(ledger, resource, field, change, part, sentence):
    with pytest.raises(services.MappingRefused) as refused:
        services.save_field_rules(ledger, resource, {field: change})
    assert sentence in refused.value.reasons[field]
    assert refused.value.parts[field] == part
    assert not FieldMapping.objects.exists()


def test_a_table_and_a_formula_are_saved_without_what_they_do_not_use(ledger):
    formula = {"transform": "formula", "formula": " join(' ', first, last) ", "table": TABLE, "otherwise": "x"}
    services.save_field_rules(ledger, "contacts", {"status": LOOKUP | {"formula": "1"}, "phone": formula})
    status, phone = (FieldMapping.objects.get(field=field) for field in ("status", "phone"))
    assert (status.table, status.formula, status.direction) == (TABLE, "", "both")
    assert (phone.formula, phone.table, phone.otherwise) == ("join(' ', first, last)", [], None)
    services.save_field_rules(ledger, "contacts", {"status": {"transform": "direct"}})
    status.refresh_from_db()
    assert (status.transform, status.source, status.table) == ("direct", "status", [])


def test_the_rules_say_what_is_saved_and_warn_of_what_is_not_sent(ledger):
    twice = {**LOOKUP, "table": [["A", "active"], ["B", "active"]]}
    formula = {"transform": "formula", "formula": "name"}
    services.save_field_rules(ledger, "contacts", {"status": twice, "phone": formula})
    rules = {rule.field: rule for rule in services.field_rules(ledger, "contacts")}
    assert rules["status"].table == (("A", "active"), ("B", "active"))
    assert "could be “A” or “B”" in rules["status"].warnings[0]
    assert "goes one way" in rules["phone"].warnings[0]
    services.save_field_rules(
        ledger, "contacts", {"status": twice | {"direction": "in"}, "phone": formula | {"direction": "in"}}
    )
    assert not any(rule.warnings for rule in services.field_rules(ledger, "contacts"))


def test_a_field_that_the_provider_only_reads_says_so(ledger):
    (consents,) = [rule for rule in services.field_rules(ledger, "people") if rule.field == "consents"]
    assert consents.one_way
    assert not any(rule.one_way for rule in services.field_rules(ledger, "contacts"))
