"""API keys: what they open, and what they no longer or never open."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib import admin as django_admin
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from integrations import hub
from integrations.api import keys
from integrations.api.models import ApiKey
from integrations.api.scopes import SCOPES

from .conftest import Caller, problem

pytestmark = pytest.mark.django_db


def test_a_key_opens_its_own_chapter(sydney, with_key):
    assert with_key(sydney).get("integrations").status_code == 200


@pytest.mark.services
def test_a_key_of_one_chapter_is_nothing_in_another(sydney, melbourne, with_key):
    key = with_key(sydney)
    problem(Caller(melbourne, key.token).get("integrations"), 401)
    with_key(melbourne)
    problem(Caller(melbourne, key.token).get("integrations"), 401)


def test_the_secret_is_stored_nowhere(sydney):
    with hub.enter(sydney):
        key, token = keys.issue(name="Website", scopes=["sync:run"])
        _, prefix, secret = token.split("_", 2)
        stored = ApiKey.objects.filter(pk=key.pk).values().get()
    assert prefix == stored["prefix"]
    assert secret not in str(stored)
    assert len(secret) >= 43


def test_a_wrong_secret_with_a_right_prefix_is_refused(sydney, with_key):
    token = with_key(sydney).token
    forged = token[:-1] + ("A" if token[-1] != "A" else "B")
    problem(Caller(sydney, forged).get("integrations"), 401)


@pytest.mark.parametrize("end", [{"revoked_at": timedelta(0)}, {"expires_at": timedelta(seconds=-1)}])
def test_a_revoked_or_expired_key_is_refused(sydney, with_key, end):
    caller = with_key(sydney)
    with hub.enter(sydney):
        ApiKey.objects.update(**{name: timezone.now() + when for name, when in end.items()})
    problem(caller.get("integrations"), 401)


def test_a_wrong_key_is_not_rescued_by_a_session(sydney, signed_in):
    person = signed_in(sydney, "integrations.view_connection")
    assert person.get("integrations").status_code == 200
    person.token = "chk_aaaaaaaaaa_" + "a" * 43
    problem(person.get("integrations"), 401)


def test_use_is_noted_at_most_once_a_minute(sydney, with_key, django_assert_num_queries):
    caller = with_key(sydney)
    caller.get("integrations")
    with hub.enter(sydney):
        first = ApiKey.objects.get().last_used_at
    assert timezone.now() - first < timedelta(minutes=1)
    caller.get("integrations")
    with hub.enter(sydney):
        assert ApiKey.objects.get().last_used_at == first
        ApiKey.objects.update(last_used_at=first - timedelta(minutes=2))
    caller.get("integrations")
    with hub.enter(sydney):
        assert ApiKey.objects.get().last_used_at > first


def test_a_scope_that_does_not_exist_cannot_be_given(sydney):
    with hub.enter(sydney), pytest.raises(ValueError, match="everything"):
        keys.issue(name="x", scopes=["everything"])
    with hub.enter(sydney), pytest.raises(ValueError, match="none at all"):
        keys.issue(name="x", scopes=[])


def test_the_command_prints_the_key_once(sydney, melbourne):
    out = StringIO()
    call_command("createapikey", "sydney", "Website", "--scopes", "sync:run", "records:read", stdout=out)
    token = out.getvalue().splitlines()[-1]
    with hub.enter(sydney):
        assert keys.find(token).scopes == ["records:read", "sync:run"]
    with hub.enter(melbourne):
        assert keys.find(token) is None
        assert not ApiKey.objects.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("nowhere", "x", "--scopes", "sync:run"),
        ("sydney", "x", "--scopes", "root"),
        ("sydney", "", "--scopes", "sync:run"),
    ],
)
def test_the_command_says_what_is_wrong(sydney, arguments):
    with pytest.raises(CommandError):
        call_command("createapikey", *arguments, stdout=StringIO())


@pytest.fixture
def administrator(sydney):
    with hub.enter(sydney):
        user = User.objects.create_superuser("admin", password="a long password")
        client = Client(headers={"host": "sydney.localhost"})
        client.force_login(user)
    return client


def test_the_admin_shows_a_new_key_once_and_keeps_it_out_of_cookies(administrator, sydney):
    page = administrator.post("/admin/integrations/apikey/add/", {"name": "Website", "scopes": ["sync:run"]})
    token = keys.TOKEN.search(page.content.decode())[0]
    assert "no-store" in page["Cache-Control"]
    assert token not in str(page.cookies)
    assert "no-store" in Caller(sydney, token).get("integrations")["Cache-Control"]
    assert Caller(sydney, token).get("integrations").status_code == 403
    with hub.enter(sydney):
        key = ApiKey.objects.get()
        assert (key.name, key.created_by.username, key.scopes) == ("Website", "admin", ["sync:run"])
    for path in ("/admin/integrations/apikey/", f"/admin/integrations/apikey/{key.pk}/change/"):
        assert token not in administrator.get(path).content.decode()
        assert key.secret_hash not in administrator.get(path).content.decode()


def test_the_admin_revokes_and_never_deletes(administrator, sydney, with_key):
    caller = with_key(sydney)
    with hub.enter(sydney):
        pk = str(ApiKey.objects.get().pk)
    administrator.post("/admin/integrations/apikey/", {"action": "revoke", "_selected_action": [pk]})
    problem(caller.get("integrations"), 401)
    assert administrator.post(f"/admin/integrations/apikey/{pk}/delete/", {"post": "yes"}).status_code == 403
    with hub.enter(sydney):
        assert ApiKey.objects.get().revoked_at


def test_a_person_gives_only_the_scopes_they_have(sydney, signed_in):
    person = signed_in(sydney, "integrations.add_apikey", "integrations.view_apikey", "integrations.view_connection")
    with hub.enter(sydney):
        User.objects.update(is_staff=True)
    wanted = {"name": "Website", "scopes": ["integrations:read", "sync:run"]}
    host = {"host": "sydney.localhost"}
    page = person.client.post("/admin/integrations/apikey/add/", wanted, headers=host)
    assert "sync:run is not one of the available choices" in page.content.decode()
    page = person.client.post(
        "/admin/integrations/apikey/add/", wanted | {"scopes": ["integrations:read"]}, headers=host
    )
    assert keys.TOKEN.search(page.content.decode())


def test_the_form_of_one_person_is_not_changed_by_anothers(sydney, signed_in, rf):
    """Threads of one process make such forms at the same time, also for other chapters."""
    with hub.enter(sydney):
        page = django_admin.site.get_model_admin(ApiKey)
        less, more = (rf.get("/") for _ in range(2))
        less.user = User.objects.create_user("less")
        less.user.user_permissions.add(Permission.objects.get(codename="view_connection"))
        more.user = User.objects.create_superuser("more")
        form = page.get_form(less)
        page.get_form(more)
        assert [name for name, _ in form().fields["scopes"].choices] == ["integrations:read", "records:read"]


@pytest.mark.parametrize("how", ["secret_hash", "secret_hash__startswith", "secret_hash__gt"])
def test_a_list_of_keys_is_not_narrowed_by_their_hash(administrator, sydney, how):
    with hub.enter(sydney):
        key, _ = keys.issue(name="Website", scopes=["integrations:read"])
    answer = administrator.get(f"/admin/integrations/apikey/?{how}={key.secret_hash[:1]}")
    assert answer.status_code == 400


def test_the_scopes_are_these():
    assert sorted(SCOPES) == [
        "actions:run",
        "conflicts:resolve",
        "connections:write",
        "duplicates:decide",
        "integrations:read",
        "records:read",
        "records:write",
        "sync:run",
        "webhooks:read",
        "webhooks:write",
    ]
