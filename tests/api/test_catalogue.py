"""The integrations there are, and the chapter's connections to them."""

from __future__ import annotations

import pytest

from integrations import hub
from integrations.connections.models import Connection

from .conftest import problem

pytestmark = pytest.mark.django_db


def test_the_catalogue_lists_every_integration_with_this_chapters_connections(sydney, melbourne, with_key, connect):
    mine = connect(sydney, "shop", name="Sydney shop")
    connect(melbourne, "shop", name="Melbourne shop")
    found = {one["slug"]: one for one in with_key(sydney).get("integrations").json()["results"]}
    assert set(found) == {"ledger", "shop"}
    assert [one["id"] for one in found["shop"]["connections"]] == [str(mine.pk)]
    assert (found["shop"]["connected"], found["ledger"]["connected"]) == (True, False)


@pytest.mark.parametrize(
    ("asked", "slugs"),
    [
        ("category=commerce", ["shop"]),
        ("category=crm", []),
        ("search=LED", ["ledger"]),
        ("search=contacts+invoices", ["ledger"]),
        ("search=%00", None),
        ("connected=true", ["shop"]),
        ("connected=false", ["ledger"]),
        ("connected=true&category=accounting", []),
    ],
)
def test_the_catalogue_is_filtered(sydney, with_key, connect, asked, slugs):
    connect(sydney, "shop")
    answer = with_key(sydney).get(f"integrations?{asked}")
    if slugs is None:
        problem(answer, 400, "invalid")
    else:
        assert [one["slug"] for one in answer.json()["results"]] == slugs


def test_connected_lists_what_was_not_disconnected(sydney, with_key, connect):
    connect(sydney, "shop", status="disconnected")
    caller = with_key(sydney)
    assert caller.get("integrations/connected").json()["results"] == []
    connect(sydney, "ledger", status="expired")
    assert [one["slug"] for one in caller.get("integrations/connected").json()["results"]] == ["ledger"]


def test_an_integration_says_how_to_connect_and_what_it_brings(sydney, with_key):
    found = with_key(sydney).get("integrations/shop").json()
    assert found["auth"][0]["kind"] == "api_key"
    assert found["auth"][0]["fields"][0]["secret"] is True
    resources = {one["name"]: one for one in found["resources"]}
    assert resources["tags"]["writable"] is True
    assert resources["people"] == {
        "name": "people",
        "label": "People",
        "target": "members.member",
        "schema": "urn:canonical:member:1.0.0",
        "writable": False,
        "every_seconds": 900,
    }
    assert found["actions"][0]["input"]["required"] == ["to"]
    assert found["settings"]["required"] == ["days"]
    problem(with_key(sydney).get("integrations/nothing"), 404, "unknown-integration")


def test_connections_are_listed_page_by_page(sydney, melbourne, with_key, connect):
    names = [f"Shop {number:02}" for number in range(7)]
    for name in names:
        connect(sydney, name=name)
    connect(melbourne, name="Theirs")
    caller = with_key(sydney)
    seen, path = [], "connections?limit=3"
    while path:
        answer = caller.get(path).json()
        assert len(answer["results"]) <= 3
        seen += [one["name"] for one in answer["results"]]
        path = answer["next"] and answer["next"].partition("/api/v1/")[2]
    assert seen == names
    assert [c["name"] for c in caller.get("connections?provider=ledger").json()["results"]] == []
    assert len(caller.get("connections?status=connected&provider=shop").json()["results"]) == 7


@pytest.mark.parametrize("asked", ["limit=0", "limit=201", "limit=x", "limit=-1", "cursor=nonsense", "cursor=%00%ff"])
def test_a_page_that_cannot_be_is_a_400(sydney, with_key, asked):
    problem(with_key(sydney).get(f"connections?{asked}"), 400, "invalid")


def test_a_cursor_opens_only_the_list_of_its_own_chapter(sydney, melbourne, with_key, connect):
    for chapter in (sydney, melbourne):
        for number in range(3):
            connect(chapter, name=f"Shop {number}")
    following = with_key(sydney).get("connections?limit=1").json()["next"].partition("/api/v1/")[2]
    assert with_key(sydney).get(following).status_code == 200
    problem(with_key(melbourne).get(following), 400, "invalid")
    problem(with_key(sydney).get(following + "x"), 400, "invalid")
    cursor = following.partition("cursor=")[2]
    problem(with_key(sydney).get(f"connections/{_any(sydney)}/sync/logs?cursor={cursor}"), 400, "invalid")


def test_a_connection_shows_everything_but_its_credential(sydney, melbourne, with_key, connect):
    from integrations.connections.models import Credential

    mine = connect(sydney)
    with hub.enter(sydney):
        Credential.objects.create(connection=mine, secret='{"key": "sk_very_secret"}', missing_scopes=["write"])
    caller = with_key(sydney)
    for path in (f"connections/{mine.pk}", f"connections/{mine.pk}/status", "integrations/shop/status"):
        answer = caller.get(path)
        assert answer.status_code == 200
        assert b"sk_very_secret" not in answer.content
    assert caller.get("integrations/shop/status").json()["missing_scopes"] == ["write"]
    problem(with_key(melbourne).get(f"connections/{mine.pk}"), 404)


def test_a_slug_means_the_only_connection(sydney, with_key, connect):
    caller = with_key(sydney)
    problem(caller.get("integrations/shop/status"), 404, "not-connected")
    first = connect(sydney, name="One")
    assert caller.get("integrations/shop/status").json()["connection"] == str(first.pk)
    second = connect(sydney, name="Two")
    found = problem(caller.get("integrations/shop/status"), 409, "several-connections")
    assert [one["name"] for one in found["connections"]] == ["One", "Two"]
    for one in found["connections"]:
        assert caller.get(one["url"].removeprefix("/api/v1/")).json()["id"] == one["id"]
    with hub.enter(sydney):
        Connection.objects.filter(pk=first.pk).update(status="disconnected")
    assert caller.get("integrations/shop/status").json()["connection"] == str(second.pk)
    assert caller.get(f"connections/{first.pk}/status").json()["status"] == "disconnected"


def test_a_connection_whose_provider_is_gone_is_said_so(sydney, with_key, connect):
    gone = connect(sydney, "removed")
    problem(with_key(sydney).get(f"connections/{gone.pk}/status"), 409, "not-installed")


def _any(chapter):
    with hub.enter(chapter):
        return Connection.objects.first().pk
