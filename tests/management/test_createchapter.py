"""`manage.py createchapter`, as an operator uses it."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command

from integrations import hub
from integrations.hub.models import Chapter, Domain
from integrations.roles import ROLES

pytestmark = pytest.mark.django_db


def create(*arguments: str) -> str:
    out = StringIO()
    call_command("createchapter", *arguments, stdout=out)
    return out.getvalue()


def test_a_chapter_gets_a_schema_an_address_its_roles_and_an_administrator(sydney):
    said = create("perth", "Perth Chapter", "--timezone", "Australia/Perth", "--admin", "anna@example.org")
    assert "answers at perth.hub.localhost" in said
    password = said.split("password ")[1].split()[0]
    with hub.enter("perth") as chapter:
        assert (chapter.schema_name, chapter.timezone) == ("c_perth", "Australia/Perth")
        assert set(Group.objects.values_list("name", flat=True)) == set(ROLES)
        anna = User.objects.get()
        assert anna.check_password(password)
        assert anna.has_perm("integrations.connect_connection")
    with hub.enter(sydney):
        assert not User.objects.filter(username="anna@example.org").exists()


def test_a_password_that_was_given_is_not_printed(monkeypatch):
    monkeypatch.setenv("CHAPTER_ADMIN_PASSWORD", "given-canary-7731")
    assert "given-canary-7731" not in create("perth", "Perth", "--admin", "anna@example.org")
    with hub.enter("perth"):
        assert User.objects.get().check_password("given-canary-7731")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("Perth!", "Perth"), "lower-case letters"),
        (("sydney", "Sydney again"), "already exists"),
        (("perth", "Perth", "--domain", "sydney.localhost"), "belongs to another chapter"),
        (("perth", "Perth", "--timezone", "Mars/Olympus"), "timezone: A time zone is"),
        (("perth", "Perth", "--currency", "dollars"), "base_currency: A currency is"),
        (("perth", "Perth", "--country", "Australia"), "country: A country is"),
    ],
)
def test_a_wrong_value_is_said_and_leaves_nothing_behind(sydney, arguments, said):
    with pytest.raises(CommandError, match=said):
        create(*arguments)
    assert not Chapter.objects.filter(slug="perth").exists()
    assert not Domain.objects.filter(domain__startswith="perth").exists()
