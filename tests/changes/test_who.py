"""Origins of the feed in words: who it was, as far as the reader may know."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from integrations import hub
from integrations.api.keys import issue
from integrations.api.scopes import SCOPES
from integrations.changes import who
from integrations.connections.models import Connection
from integrations.sync.models import SyncRun

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def origins_of(name: str) -> dict[str, str]:
    """One origin of every kind in the chapter we are inside, by kind."""
    connection = Connection.objects.create(provider="tillstream", name=f"{name} till", auth_kind="api_key")
    run = SyncRun.objects.create(connection=connection, resource="bank_lines")
    again = SyncRun.objects.create(connection=connection, resource="bank_lines", kind=SyncRun.Kind.UNDO, undoes=run)
    user = User.objects.create_user(name.lower(), first_name=name, last_name="Lee")
    return {
        "connection": f"connection:{connection.pk}",
        "user": f"user:{user.pk}",
        "api": f"api:{issue(name=f'{name} site', scopes=list(SCOPES)[:1])[0].pk}",
        "undo": f"undo:{run.pk}",
        "undo of an undo": f"undo:{again.pk}",
    }


@pytest.fixture
def inside(sydney, melbourne):
    with hub.enter(melbourne):
        theirs = origins_of("Mia")
    with hub.enter(sydney):
        yield theirs


def test_each_kind_has_a_title_and_the_end_of_a_sentence(inside):
    mine = origins_of("Ann")
    said = who.in_words([*mine.values(), f"merge:{uuid4()}", ""])
    assert {kind: said[origin] for kind, origin in mine.items()} == {
        "connection": ("tillstream, “Ann till”", "by tillstream, “Ann till”"),
        "user": ("Ann Lee", "by Ann Lee"),
        "api": ("API key “Ann site”", "by the API key “Ann site”"),
        "undo": ("Undo of the sync of bank lines from “Ann till”", "by the undo of the sync of bank lines from “Ann till”"),
        "undo of an undo": (
            "Undo of the undo of bank lines from “Ann till”", "by the undo of the undo of bank lines from “Ann till”",
        ),
    }  # fmt: skip
    assert said[""] == ("Directly in the database", "directly in the database")
    (merge,) = (words for origin, words in said.items() if origin.startswith("merge:"))
    assert merge == ("A merge of two records", "by a merge of two records")


def test_who_may_not_use_a_connection_is_not_told_its_name(inside):
    mine = origins_of("Ann")
    assert "Ann till" in str(who.in_words(mine.values(), ["tillstream"]))
    said = who.in_words(mine.values(), ["another"])
    assert "till" not in str(said)
    assert said[mine["connection"]] == ("Another connection", "by another connection")
    assert said[mine["undo"]].alone == "Undo of the sync of another connection"
    assert said[mine["user"]].alone == "Ann Lee"


def test_another_chapters_are_nobody_here(inside):
    User.objects.all().delete()
    said = who.in_words(inside.values())
    assert "Mia" not in str(said)
    assert {kind: said[origin].by for kind, origin in inside.items()} == {
        "connection": "by a connection that is no longer here",
        "user": "by somebody whose account is gone",
        "api": "by an API key that is no longer here",
        "undo": "by an undo",
        "undo of an undo": "by an undo",
    }


@pytest.mark.parametrize(
    "origin", ["user:²", "user:99999999999999999999", "user:", "api:x", "connection:", "undo:None"]
)
def test_what_is_no_key_is_nobody(inside, origin):
    assert who.in_words([origin])[origin].alone.split()[0] in ("Somebody", "An", "A")


@pytest.mark.parametrize("origin", ["nonsense", "cron:1", ":"])
def test_what_is_no_origin_is_said_by_the_database(inside, origin):
    assert who.in_words([origin])[origin].by == "directly in the database"


def test_it_costs_four_queries_for_any_number(inside):
    many = [origin for name in ("Ann", "Bob", "Cleo") for origin in origins_of(name).values()]
    with CaptureQueriesContext(database) as asked:
        assert len(who.in_words([*many, *many])) == len(many)
    assert len([one for one in asked.captured_queries if "search_path" not in one["sql"]]) == 4
