"""`manage.py mappings`: the versions of a mapping from the command line."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection as database

from integrations.mapping import history
from integrations.mapping.services import save_field_rules
from integrations.sync.models import ResourceState

pytestmark = [pytest.mark.django_db, pytest.mark.services]


@pytest.fixture
def place(ledger):
    save_field_rules(
        ledger, "contacts", {"phone": {"source": "mobile"}}, who="Ada", note="They moved it.", reapply=False
    )
    ResourceState.objects.create(connection=ledger, resource="contacts", cursor="2026-01-01T00:00:00+00:00")
    return ledger


def run(connection, *args: str) -> str:
    out = StringIO()
    call_command("mappings", "sydney", connection, "contacts", *args, stdout=out)
    return out.getvalue()


def test_versions_are_listed_with_what_each_changed(place):
    said = run("Ledger")
    assert "2 saved " in said
    assert " by Ada (from then on only): They moved it.\n    phone: mobile, before: phone\n1 saved " in said
    assert run(str(place.pk)) == said


@pytest.mark.parametrize(("reapply", "cursor"), [("true", ""), ("false", "2026-01-01T00:00:00+00:00")])
def test_a_version_is_restored_and_re_applied_as_asked(place, reapply, cursor):
    assert "3 saved" in run("Ledger", "--restore", "1", "--reapply", reapply)
    assert ResourceState.objects.get().cursor == cursor
    assert history.versions(place, "contacts").first().snapshot == {}


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["Ledger", "--restore", "9"], "no version 9"),
        (["Nobody"], "no connection 'Nobody'"),
    ],
)
def test_what_is_not_there_is_said(place, args, sentence):
    with pytest.raises(CommandError, match=sentence):
        run(*args)


def test_other_chapters_and_resources_are_not_there(place):
    with pytest.raises(CommandError, match="has no resource 'shoes'"):
        call_command("mappings", "sydney", "Ledger", "shoes")
    with pytest.raises(CommandError):
        call_command("mappings", "perth", "Ledger", "contacts")


def test_the_other_chapters_versions_are_its_own(place, sydney, melbourne):
    out = StringIO()
    database.set_schema_to_public()
    call_command("mappings", "melbourne", "Ledger", "contacts", stdout=out)
    database.set_tenant(sydney)
    assert out.getvalue() == "contacts follows the provider's mapping; there are no versions.\n"
