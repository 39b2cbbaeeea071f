"""Versions: every save is kept, compared in words, and may be had again."""

from __future__ import annotations

import pytest
from django.db import connection as database

from integrations import registry
from integrations.connections.models import Connection
from integrations.mapping import history, services
from integrations.mapping.compile import compile_mapping
from integrations.mapping.models import FieldMapping, MappingVersion
from integrations.mapping.overrides import overrides_of
from integrations.mapping.words import differences
from integrations.sync.models import ResourceState

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def save(connection, changes, **more):
    services.save_field_rules(connection, "contacts", changes, **more)


def numbers(connection):
    return [version.number for version in history.versions(connection, "contacts")]


def said(connection, old: int, new: int):
    found = {version.number: history.overrides_in(version) for version in history.versions(connection, "contacts")}
    return differences(registry.get("testbook").resource("contacts"), found[old], found[new])


def test_every_save_keeps_a_version_and_the_first_keeps_what_was_before(ledger):
    save(ledger, {"phone": {"source": "mobile"}}, who="Ada", note="They moved it.")
    newest, first = history.versions(ledger, "contacts")
    assert (first.number, first.snapshot, first.note) == (1, {}, "As it was before the first change.")
    assert (newest.number, newest.who, newest.note, newest.reapplied) == (2, "Ada", "They moved it.", True)
    assert newest.snapshot["phone"]["source"] == "mobile"


def test_a_save_without_effect_keeps_nothing(ledger):
    save(ledger, {"phone": {"source": "mobile"}})
    save(ledger, {"phone": {"source": "mobile"}})
    assert numbers(ledger) == [2, 1]


def test_what_was_refused_keeps_nothing(ledger):
    with pytest.raises(services.MappingRefused):
        save(ledger, {"phone": {"owner": "nobody"}})
    assert numbers(ledger) == []


def test_deviations_that_were_there_before_versions_were_kept_are_the_first(ledger):
    FieldMapping.objects.create(connection=ledger, resource="contacts", field="phone", source="old")
    save(ledger, {"phone": None})
    newest, first = history.versions(ledger, "contacts")
    assert (newest.snapshot, first.snapshot["phone"]["source"]) == ({}, "old")


def test_two_versions_are_compared_in_words(ledger):
    table = {"transform": "lookup", "source": "status", "table": [["A", "active"], ["O", "archived"]]}
    save(ledger, {"status": table, "phone": {"source": "mobile", "owner": "ours"}})
    save(ledger, {"status": table | {"table": [["A", "archived"], ["N", "active"]], "otherwise": "active"}})
    save(ledger, {"phone": {"transform": "formula", "formula": "name", "formula_out": "phone", "direction": "out"}})
    save(ledger, {"phone": {"transform": "direct", "source": "", "direction": "both"}, "status": None})
    assert said(ledger, 1, 2) == [
        "phone: mobile, before: phone",
        "phone: when both changed: Ours wins, before: Theirs wins",
        "status: status, looked up in a table, before: status",
        "status: 2 rows in its table",
    ]
    assert said(ledger, 2, 3) == [
        "status: “N” becomes “active”",
        "status: “O” has no row any more",
        "status: “A” becomes “archived”, before: “active”",
        "status: any other value becomes “active”, before: an error",
    ]
    assert said(ledger, 3, 4) == [
        "phone: worked out as name, before: mobile",
        "phone: sent as phone, before: nothing",
        "phone: goes: Only from here to there, before: Both ways",
    ]
    assert said(ledger, 4, 5)[0] == "phone: not taken, before: worked out as name"
    assert said(ledger, 5, 5) == []


def test_an_old_version_is_had_again_as_a_version_of_its_own(ledger):
    save(ledger, {"phone": {"source": "mobile"}, "email": {"source": ""}})
    second = history.versions(ledger, "contacts").first()
    before = overrides_of(ledger, "contacts")
    save(ledger, {"phone": {"source": "handy"}, "email": None})
    services.restore(second, who="Grace")
    assert overrides_of(ledger, "contacts") == before
    newest = history.versions(ledger, "contacts").first()
    assert (newest.number, newest.note, newest.who) == (4, "Version 2 again.", "Grace")
    services.restore(history.versions(ledger, "contacts").get(number=1))
    assert overrides_of(ledger, "contacts") == {}


def test_a_version_that_the_provider_no_longer_allows_is_refused_and_changes_nothing(ledger):
    save(ledger, {"phone": {"source": "mobile"}})
    old = history.versions(ledger, "contacts").first()
    old.snapshot["shoe_size"] = old.snapshot["phone"]
    old.save()
    with pytest.raises(services.MappingRefused, match="no such field"):
        services.restore(old)
    assert numbers(ledger) == [2, 1]


def test_the_versions_of_one_chapter_are_not_the_others(ledger, melbourne, sydney):
    save(ledger, {"phone": {"source": "mobile"}})
    database.set_tenant(melbourne)
    assert not MappingVersion.objects.exists()
    services.save_field_rules(Connection.objects.get(), "contacts", {"phone": {"source": "theirs"}})
    assert MappingVersion.objects.count() == 2
    database.set_tenant(sydney)
    assert [v.snapshot.get("phone", {}).get("source") for v in history.versions(ledger, "contacts")] == ["mobile", None]


def compiled(connection):
    contacts = registry.get("testbook").resource("contacts")
    return compile_mapping(contacts, overrides_of(connection, "contacts")).fingerprint


def test_re_applied_everything_is_read_again(ledger):
    state = ResourceState.objects.create(
        connection=ledger, resource="contacts", cursor="2026-01-01T00:00:00+00:00", mapping=compiled(ledger)
    )
    save(ledger, {"phone": {"source": "mobile"}})
    state.refresh_from_db()
    assert state.cursor == ""
    assert state.mapping != compiled(ledger)


def test_from_now_on_only_nothing_is_read_again(ledger):
    state = ResourceState.objects.create(
        connection=ledger, resource="contacts", cursor="2026-01-01T00:00:00+00:00", mapping=compiled(ledger),
        position={"read": "x"},
    )  # fmt: skip
    save(ledger, {"phone": {"source": "mobile"}}, reapply=False)
    state.refresh_from_db()
    assert state.cursor == "2026-01-01T00:00:00+00:00"
    assert state.mapping == compiled(ledger)
    assert state.position is None


def test_where_an_older_mapping_is_still_to_be_re_applied_it_stays_to_be(ledger):
    state = ResourceState.objects.create(connection=ledger, resource="contacts", mapping=compiled(ledger))
    save(ledger, {"phone": {"source": "mobile"}})
    save(ledger, {"phone": {"source": "handy"}}, reapply=False)
    state.refresh_from_db()
    assert state.mapping != compiled(ledger)


def test_the_earlier_mappings_stand_until_one_is_re_applied(ledger):
    save(ledger, {"phone": {"source": "a"}})
    save(ledger, {"phone": {"source": "b"}}, reapply=False)
    save(ledger, {"phone": {"source": "c"}}, reapply=False)
    assert [one["phone"].source for one in history.standing(ledger, "contacts")] == ["b", "a"]
    save(ledger, {"phone": {"source": "c"}})  # no other mapping, but now for all
    assert history.standing(ledger, "contacts") == []
    save(ledger, {"phone": {"source": "d"}}, reapply=False)
    save(ledger, {"phone": {"source": "e"}})
    assert history.standing(ledger, "contacts") == []
