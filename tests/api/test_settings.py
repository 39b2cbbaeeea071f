"""Settings held against the provider's schema, and deviations from its mapping."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integrations import hub
from integrations.connections.models import Connection
from integrations.connections.settings import SettingsRefused, save_settings
from integrations.json_schema import mistakes
from integrations.mapping.models import FieldMapping

from .conftest import problem
from .samples import PROVIDERS

pytestmark = pytest.mark.django_db


def test_settings_are_replaced_and_shown_with_their_schema(sydney, melbourne, with_key, connect):
    mine, theirs = connect(sydney), connect(melbourne)
    answer = with_key(sydney).put("integrations/shop/settings", {"settings": {"days": 3, "mode": "fast"}})
    assert answer.status_code == 200
    assert answer.json() == with_key(sydney).get(f"connections/{mine.pk}/settings").json()
    assert answer.json()["settings"] == {"days": 3, "mode": "fast"}
    assert answer.json()["schema"]["required"] == ["days"]
    with hub.enter(melbourne):
        assert Connection.objects.get(pk=theirs.pk).settings == {}


def test_every_mistake_in_the_settings_is_named_and_nothing_saved(sydney, with_key, connect):
    mine = connect(sydney, settings={"days": 1})
    wrong = {"prefix": "much too long", "mode": "sideways", "colour": "red", "speed": 1}
    found = problem(with_key(sydney).put("integrations/shop/settings", {"settings": wrong}), 400, "invalid")
    said = {error["pointer"]: error["detail"] for error in found["errors"]}
    assert said == {
        "/settings/days": "This is required.",
        "/settings/prefix": "This must have 5 characters or fewer.",
        "/settings/mode": "This must be one of: fast, slow.",
        "/settings/colour": "There is no such name here. There is: prefix, days, mode.",
        "/settings/speed": "There is no such name here. There is: prefix, days, mode.",
    }
    with hub.enter(sydney):
        assert Connection.objects.get(pk=mine.pk).settings == {"days": 1}


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, {"properties": {}, "additionalProperties": True}])
def test_nothing_is_set_that_the_provider_does_not_offer(sydney, connect, schema):
    """Beside the chapter's choices stand notes of the platform, such as whether it may write there."""
    mine = connect(sydney)
    with hub.enter(sydney), pytest.raises(SettingsRefused):
        save_settings(mine, replace(PROVIDERS["shop"], settings=schema), {"write": True})
    with hub.enter(sydney):
        assert Connection.objects.get(pk=mine.pk).settings == {}


def test_a_mistake_never_repeats_what_was_given():
    schema = {"type": "object", "properties": {"key": {"type": "integer"}, "in": {"pattern": "^a$"}}}
    assert "hunter2" not in str(mistakes(schema, {"key": "hunter2", "in": "hunter2"}))
    assert mistakes(schema, "hunter2") == [{"pointer": "", "detail": "This must be an object."}]


def test_the_mapping_shows_every_field_with_the_connections_deviations(sydney, melbourne, with_key, connect):
    connect(sydney)
    connect(melbourne)
    caller = with_key(sydney)
    before = caller.get("integrations/shop/mappings").json()["mappings"]
    assert [(one["resource"], one["field"], one["source"]) for one in before] == [
        ("tags", "name", "label"),
        ("tags", "size", "n"),
        ("people", "display_name", "name"),
        ("people", "email", "mail"),
        ("people", "status", "prospect"),
    ]
    assert not any(one["overridden"] for one in before)
    wanted = [
        {"resource": "people", "field": "email", "source": "contact.mail", "owner": "ours"},
        {"resource": "tags", "field": "size", "source": ""},
    ]
    after = caller.put("integrations/shop/mappings", {"mappings": wanted}).json()["mappings"]
    changed = {one["field"]: (one["source"], one["owner"]) for one in after if one["overridden"]}
    assert changed == {"email": ("contact.mail", "ours"), "size": ("", "theirs")}
    theirs = with_key(melbourne).get("integrations/shop/mappings").json()["mappings"]
    assert not any(one["overridden"] for one in theirs)


def test_a_deviation_that_is_not_repeated_ends(sydney, with_key, connect):
    connect(sydney)
    caller = with_key(sydney)
    first = [
        {"resource": "people", "field": "email", "owner": "ours"},
        {"resource": "tags", "field": "size", "write": "never"},
    ]
    caller.put("integrations/shop/mappings", {"mappings": first})
    after = caller.put("integrations/shop/mappings", {"mappings": first[1:]}).json()["mappings"]
    assert [one["field"] for one in after if one["overridden"]] == ["size"]
    after = caller.put("integrations/shop/mappings", {"mappings": []}).json()["mappings"]
    assert [one["field"] for one in after if one["overridden"]] == []


def test_every_mistake_in_the_mapping_is_named_and_nothing_changed(sydney, with_key, connect):
    mine = connect(sydney)
    caller = with_key(sydney)
    caller.put("integrations/shop/mappings", {"mappings": [{"resource": "people", "field": "email", "owner": "ask"}]})
    wrong = [
        {"resource": "planets", "field": "name"},
        {"resource": "tags", "field": "colour", "source": "c"},
        {"resource": "tags", "field": "name", "source": ""},
        {"resource": "tags", "field": "size", "source": "a b"},
        {"resource": "people", "field": "email", "owner": "ours"},
        {"resource": "people", "field": "email", "source": "a,b"},
    ]
    found = problem(caller.put("integrations/shop/mappings", {"mappings": wrong}), 400, "invalid")
    assert sorted(error["pointer"] for error in found["errors"]) == [
        "/mappings/0/resource",
        "/mappings/1",
        "/mappings/2",
        "/mappings/3",
        "/mappings/4",
        "/mappings/5",
    ]
    found = problem(caller.put("integrations/shop/mappings", {"mappings": [{"field": "x", "hue": 1}]}), 400, "invalid")
    assert {error["pointer"] for error in found["errors"]} == {"/mappings/0/resource", "/mappings/0/hue"}
    with hub.enter(sydney):
        assert FieldMapping.objects.get(connection=mine).owner == "ask"


def test_what_the_platform_notes_beside_the_settings_is_neither_shown_nor_lost(sydney, with_key, connect):
    mine = connect(sydney, settings={"write": True, "days": 1})
    answer = with_key(sydney).put("integrations/shop/settings", {"settings": {"days": 2}})
    assert answer.json()["settings"] == {"days": 2}
    with hub.enter(sydney):
        assert Connection.objects.get(pk=mine.pk).settings == {"write": True, "days": 2}
