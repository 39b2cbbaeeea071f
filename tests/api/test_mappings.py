"""Field mappings over the API: tables, formulas and directions, tried before they are saved, and their versions."""

from __future__ import annotations

import pytest

from integrations import hub
from integrations.mapping.models import FieldMapping, MappingVersion
from integrations.sync.models import RecordLink, ResourceState
from tests.sync.conftest import running_vendor
from tests.sync.vendor import Reply, tiny_door

from .conftest import problem

__all__ = ["running_vendor"]
pytestmark = pytest.mark.django_db

ROWS = [{"theirs": 1, "ours": "one"}, {"theirs": "II", "ours": "two"}]
TABLE = {"resource": "tags", "field": "name", "transform": "lookup", "source": "label", "table": ROWS}
FORMULA = {"resource": "people", "field": "display_name", "transform": "formula", "formula": 'join(" ", first, last)'}


@pytest.fixture
def vendor(running_vendor, monkeypatch):
    running_vendor.reset()
    running_vendor.routes["/people"] = lambda asked: Reply(
        {"data": [{"id": "1", "name": "A", "first": "Ada", "mail": "x"}]}
    )
    monkeypatch.setattr("integrations.http.open_door", tiny_door(running_vendor.url))
    return running_vendor


@pytest.fixture
def shop(sydney, melbourne, with_key, connect):
    """Sydney's caller; Melbourne has a connection of the same name."""
    connect(sydney, settings={})
    connect(melbourne, settings={})
    return with_key(sydney)


def put(caller, *mappings, **more):
    return caller.put("integrations/shop/mappings", {"mappings": list(mappings), **more})


def field(answer, name: str):
    return next(one for one in answer.json()["mappings"] if one["field"] == name)


def test_a_table_a_formula_and_a_direction_are_saved_and_shown(shop):
    answer = put(shop, TABLE | {"otherwise": "many", "write_out": "if_empty"}, FORMULA | {"direction": "in"})
    assert answer.status_code == 200
    shown = field(answer, "name")
    assert (shown["transform"], shown["table"], shown["otherwise"]) == ("lookup", ROWS, "many")
    assert (shown["write_out"], shown["direction"], shown["kind"]) == ("if_empty", "both", "field")
    assert (field(answer, "display_name")["formula"], field(answer, "display_name")["direction"]) == (
        FORMULA["formula"],
        "in",
    )


def test_what_is_not_said_is_as_the_provider_has_it_and_not_as_it_was(shop):
    put(shop, FORMULA)
    shown = field(put(shop, {"resource": "people", "field": "display_name", "owner": "ours"}), "display_name")
    assert (shown["transform"], shown["source"], shown["formula"], shown["owner"]) == ("direct", "name", "", "ours")


def test_what_will_not_be_sent_is_said(shop):
    twice = {"table": [{"theirs": "1", "ours": "one"}, {"theirs": "I", "ours": "one"}]}
    (warning,) = field(put(shop, TABLE | twice), "name")["warnings"]
    assert "could be “1” or “I”" in warning


@pytest.mark.parametrize(
    "wrong",
    [
        {"transform": "magic"},
        {"transform": "lookup", "table": [{"theirs": "A"}]},
        {"transform": "lookup", "table": [{"theirs": 1.5, "ours": "x"}]},
        {"transform": "lookup", "table": [{"theirs": None, "ours": "x"}]},
        {"transform": "lookup", "table": [{"theirs": ["A"], "ours": "x"}]},
        {"transform": "lookup", "table": [{"theirs": "A", "ours": "x", "hue": 1}]},
        {"transform": "lookup", "table": []},
        {"transform": "lookup", "table": ROWS, "otherwise": {}},
        {"transform": "formula"},
        {"transform": "formula", "formula": "9 ** 9 ** 9"},
        {"transform": "formula", "formula": "x" * 1001},
        {"direction": "sideways"},
        {"write_out": "twice"},
    ],
)
def test_what_cannot_be_is_a_problem_that_says_where_and_nothing_is_saved(shop, sydney, wrong):
    found = problem(put(shop, {"resource": "tags", "field": "size", **wrong}), 400, "invalid")
    assert all(error["pointer"].startswith("/mappings/0") for error in found["errors"])
    with hub.enter(sydney):
        assert not FieldMapping.objects.exists()


def test_a_mapping_is_re_applied_unless_it_is_to_count_from_now_on(shop, sydney):
    from integrations.connections.models import Connection

    with hub.enter(sydney):
        ResourceState.objects.create(
            connection=Connection.objects.get(), resource="tags", cursor="2026-01-01T00:00:00Z"
        )
    put(shop, TABLE, reapply=False, note="Only new ones.")
    with hub.enter(sydney):
        assert ResourceState.objects.get().cursor
        newest = MappingVersion.objects.order_by("number").last()
        assert (newest.who, newest.note, newest.reapplied) == ("API key Website", "Only new ones.", False)
    put(shop)
    with hub.enter(sydney):
        assert ResourceState.objects.get().cursor == ""


# --- trying ---------------------------------------------------------------------------------------------------------------


def tried(caller, **sent):
    return caller.post("integrations/shop/mappings/preview", {"resource": "people", "mappings": [], **sent})


def test_a_mapping_is_tried_on_real_records_and_nothing_is_stored(shop, vendor, sydney):
    wanted = {name: value for name, value in FORMULA.items() if name != "resource"}
    answer = tried(shop, mappings=[wanted])
    assert answer.status_code == 200
    (record,) = answer.json()["records"]
    fields = {one["field"]: one for one in record["fields"]}
    assert record["key"] == "1"
    assert fields["display_name"]["theirs"] == "first: Ada, last: "
    assert (fields["display_name"]["now"], fields["display_name"]["then"]) == ("A", "Ada")
    assert fields["email"]["error_then"]
    with hub.enter(sydney):
        for model in (FieldMapping, MappingVersion, RecordLink):
            assert not model.objects.exists()


def test_what_is_refused_is_refused_before_the_vendor_is_asked(shop, vendor):
    found = problem(tried(shop, mappings=[{"field": "email", "transform": "formula", "formula": "x("}]), 400, "invalid")
    assert found["errors"][0]["pointer"] == "/mappings/0"
    found = problem(tried(shop, resource="planets"), 400, "invalid")
    assert found["errors"][0]["pointer"] == "/resource"
    found = problem(tried(shop, mappings=[{"field": "email"}, {"field": "email"}]), 400, "invalid")
    assert found["errors"][0]["pointer"] == "/mappings/0"
    assert vendor.asked == []


def test_a_vendor_that_does_not_answer_is_a_message(shop, vendor):
    vendor.faults = [Reply({}, 503)]
    answer = tried(shop).json()
    assert answer["records"] == []
    assert "No record could be fetched" in answer["message"]


def test_a_connection_that_is_none_any_more_is_a_problem(sydney, with_key, connect, vendor):
    connect(sydney, status="expired")
    problem(tried(with_key(sydney)), 409, "reconnect-needed")
    assert vendor.asked == []


def test_who_may_not_read_records_tries_nothing(sydney, with_key, signed_in, connect, vendor):
    connect(sydney)
    problem(tried(with_key(sydney, "integrations:read", "connections:write")), 403)
    view = ("integrations.view_connection", "integrations.use_commerce")
    problem(tried(signed_in(sydney, *view)), 403)
    assert tried(signed_in(sydney, *view, "members.view_member")).status_code == 200


# --- versions -------------------------------------------------------------------------------------------------------------


def versions(caller, path: str = ""):
    return caller.get(f"integrations/shop/mappings/tags/versions{path}")


def test_versions_are_listed_the_newest_first_page_by_page(shop):
    put(shop, TABLE, note="First")
    put(shop, note="Back")
    found = versions(shop).json()
    assert [(one["number"], one["note"]) for one in found["results"]] == [
        (3, "Back"),
        (2, "First"),
        (1, "As it was before the first change."),
    ]
    assert found["results"][1]["mappings"][0]["table"] == ROWS
    first = versions(shop, "?limit=2").json()
    assert [one["number"] for one in first["results"]] == [3, 2]
    rest = shop.get(first["next"].partition("/api/v1/")[2]).json()
    assert [one["number"] for one in rest["results"]] == [1]
    assert versions(shop).json()["next"] is None


def test_a_version_is_compared_with_the_one_before_or_another(shop):
    put(shop, TABLE)
    put(shop, TABLE | {"source": "title"})
    assert versions(shop, "/3").json()["differences"] == [
        "name: title, looked up in a table, before: label, looked up in a table"
    ]
    found = versions(shop, "/3?compared_with=1").json()
    assert found["compared_with"] == 1
    assert found["differences"][0] == "name: title, looked up in a table, before: label"
    assert versions(shop, "/1").json()["compared_with"] is None
    problem(versions(shop, "/9"), 404)
    problem(versions(shop, "/3?compared_with=9"), 404)
    problem(versions(shop, "/3?compared_with=x"), 400, "invalid")


def test_a_version_is_restored_as_a_version_of_its_own(shop):
    put(shop, TABLE)
    put(shop)
    answer = shop.post("integrations/shop/mappings/tags/versions/2/restore", {"reapply": False})
    assert (answer.json()["number"], answer.json()["reapplied"]) == (4, False)
    assert field(shop.get("integrations/shop/mappings"), "name")["transform"] == "lookup"


def test_a_version_that_the_provider_no_longer_allows_is_a_problem(shop, sydney):
    put(shop, TABLE)
    put(shop)
    with hub.enter(sydney):
        MappingVersion.objects.filter(number=2).update(snapshot={"hue": {"source": "h"}})
    found = problem(shop.post("integrations/shop/mappings/tags/versions/2/restore", {}), 409)
    assert "hue: There is no such field." in found["detail"]


def test_a_key_that_may_only_look_restores_nothing(shop, sydney, with_key):
    put(shop, TABLE)
    reader = with_key(sydney, "integrations:read")
    assert versions(reader).status_code == 200
    problem(reader.post("integrations/shop/mappings/tags/versions/1/restore", {}), 403)


def test_the_versions_of_one_chapter_are_not_the_others(shop, melbourne, with_key):
    put(shop, TABLE)
    other = with_key(melbourne)
    assert versions(other).json()["results"] == []
    problem(versions(other, "/1"), 404)
    problem(other.post("integrations/shop/mappings/tags/versions/1/restore", {}), 404)


def test_the_number_of_queries_does_not_grow_with_versions(shop, django_assert_max_num_queries):
    put(shop, TABLE)
    for number in range(6):
        put(shop, TABLE | {"source": f"label{number}"})
    with django_assert_max_num_queries(40) as one:
        versions(shop, "?limit=1")
    with django_assert_max_num_queries(40) as many:
        versions(shop)
    assert len(many) == len(one)
