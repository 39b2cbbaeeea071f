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
        ("phone", {"source": "a,b"}, "made of 1 paths"),
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
