"""Who may do what: the scopes of keys, the roles of people."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import URLResolver

from integrations.api.permissions import HasScope
from integrations.api.scopes import SCOPES
from integrations.api.urls import urlpatterns
from integrations.api.view import ApiView

from .conftest import Caller, problem

pytestmark = pytest.mark.django_db

METHODS = ("get", "post", "put", "patch", "delete")
# Method and path -> the scope it takes, for everything that the API can do.
NEEDS = {
    "GET integrations": "integrations:read",
    "GET integrations/connected": "integrations:read",
    "GET integrations/shop": "integrations:read",
    "POST integrations/shop/connect": "connections:write",
    "DELETE integrations/shop/disconnect": "connections:write",
    "POST integrations/shop/test": "connections:write",
    "GET integrations/shop/status": "integrations:read",
    "GET integrations/shop/account": "integrations:read",
    "PUT integrations/shop/account": "connections:write",
    "GET integrations/ledger/oauth/url": "connections:write",
    "GET integrations/ledger/oauth/callback": "connections:write",
    "GET integrations/shop/settings": "integrations:read",
    "PUT integrations/shop/settings": "connections:write",
    "GET integrations/shop/mappings": "integrations:read",
    "PUT integrations/shop/mappings": "connections:write",
    "POST integrations/shop/sync": "sync:run",
    "POST integrations/shop/sync/tags": "sync:run",
    "GET integrations/shop/sync/status": "integrations:read",
    "GET integrations/shop/sync/logs": "integrations:read",
    "GET integrations/shop/sync/set-aside": "integrations:read",
    "GET integrations/shop/sync/set-aside/reasons": "integrations:read",
    "POST integrations/shop/sync/set-aside/retry": "sync:run",
    "POST integrations/shop/sync/set-aside/dismiss": "sync:run",
    "GET integrations/shop/sync/schedules": "integrations:read",
    "PUT integrations/shop/sync/schedules/tags": "connections:write",
    "POST integrations/shop/sync/resets/tags": "sync:run",
    "POST integrations/shop/sync/drift/tags": "connections:write",
    "GET integrations/shop/conflicts": "records:read",
    "POST integrations/shop/conflicts/resolve": "conflicts:resolve",
    "GET integrations/shop/webhook": "integrations:read",
    "PUT integrations/shop/webhook": "connections:write",
    "GET integrations/shop/webhook/events": "integrations:read",
    "POST integrations/shop/webhook/events/replay": "sync:run",
    "GET integrations/shop/tags": "records:read",
    "POST integrations/shop/tags": "records:write",
    "POST integrations/shop/actions/send": "actions:run",
    "GET connections": "integrations:read",
    "GET duplicates": "records:read",
    "POST duplicates": "duplicates:decide",
    "GET merges": "records:read",
    "POST merges": "duplicates:decide",
    "GET event-types": "webhooks:read",
    "GET webhooks": "webhooks:read",
    "POST webhooks": "webhooks:write",
    "GET schemas": "integrations:read",
    "GET schemas/urn:canonical:tag:1.0.0": "integrations:read",
}


@pytest.mark.parametrize("asked", NEEDS)
def test_a_key_without_the_scope_is_refused_and_the_scope_named(sydney, with_key, asked):
    method, _, path = asked.partition(" ")
    others = set(SCOPES) - {NEEDS[asked]}
    found = problem(with_key(sydney, *others).ask(method, path, {}), 403)
    assert NEEDS[asked] in found["detail"]
    assert with_key(sydney, NEEDS[asked]).ask(method, path, b"").status_code != 403 or "oauth" in path


def test_every_method_of_every_view_says_its_scope():
    found = {type(view) for view in _views()}
    unsaid = [
        (view, name) for view in found for name in METHODS if hasattr(view, name) and name.upper() not in view.scopes
    ]
    assert len(found) > 20
    assert unsaid == []
    assert {scope for view in found for scope in view.scopes.values()} == set(SCOPES)


def _views(patterns=urlpatterns):
    for entry in patterns:
        if isinstance(entry, URLResolver):
            yield from _views(entry.url_patterns)
        elif issubclass(entry.callback.cls, ApiView):
            yield entry.callback.cls()


def test_a_method_without_a_scope_is_nobodys(rf):
    class Careless(ApiView):
        scopes = {"GET": "integrations:read"}

        def post(self, request):
            pytest.fail("reached")

    request = rf.post("/")
    request.user, request.auth = User(is_superuser=True), None
    assert not HasScope().has_permission(request, Careless())
    request.method = "PUT"
    assert HasScope().has_permission(request, Careless()), "there is no such method: 405 later"


@pytest.mark.parametrize("asked", NEEDS)
def test_a_person_without_a_role_is_refused(sydney, signed_in, asked):
    method, _, path = asked.partition(" ")
    problem(signed_in(sydney).ask(method, path, {}), 403)


@pytest.mark.parametrize("asked", NEEDS)
def test_nobody_is_asked_who_they_are(sydney, asked):
    method, _, path = asked.partition(" ")
    problem(Caller(sydney).ask(method, path, {}), 401)


def test_a_role_reaches_only_its_kind_of_provider(sydney, signed_in, connect):
    connect(sydney, "shop")
    connect(sydney, "ledger")
    view, shops = "integrations.view_connection", "integrations.use_commerce"
    person = signed_in(sydney, view, shops)
    assert person.get("integrations/shop/status").status_code == 200
    found = problem(person.get("integrations/ledger/status"), 403)
    assert "Treasurer" in found["detail"]
    seen = {one["slug"]: one["connections"] for one in person.get("integrations").json()["results"]}
    assert seen["shop"]
    assert not seen["ledger"]
    assert [one["provider"] for one in person.get("connections").json()["results"]] == ["shop"]
    problem(person.ask("PUT", "integrations/shop/settings", {"settings": {"days": 1}}), 403)


def test_records_take_the_permission_for_what_they_are(sydney, signed_in, connect):
    connect(sydney, "shop")
    usual = ("integrations.view_connection", "integrations.sync_connection", "integrations.use_commerce")
    found = problem(signed_in(sydney, *usual).get("integrations/shop/people"), 403)
    assert "members" in found["detail"]
    assert signed_in(sydney, *usual, "members.view_member").get("integrations/shop/people").status_code == 200
    problem(signed_in(sydney, *usual, "members.view_tag").post("integrations/shop/tags", {"name": "x"}), 403)


def test_a_person_who_writes_needs_the_csrf_token(sydney, signed_in, connect):
    connect(sydney, "shop")
    permissions = ("integrations.view_connection", "integrations.connect_connection", "integrations.use_commerce")
    person = signed_in(sydney, *permissions, check_csrf=True)
    body = {"settings": {"days": 1}}
    found = problem(person.put("integrations/shop/settings", body), 403)
    assert "CSRF" in found["detail"]
    person.client.cookies["csrftoken"] = "a" * 32
    assert person.put("integrations/shop/settings", body, x_csrftoken="a" * 32).status_code == 200


def test_somebody_who_was_switched_off_is_nobody(sydney, signed_in):
    from django.contrib.auth.models import User

    from integrations import hub

    person = signed_in(sydney, "integrations.view_connection")
    assert person.get("integrations").status_code == 200
    with hub.enter(sydney):
        User.objects.update(is_active=False)
    problem(person.get("integrations"), 401)


def test_the_description_is_for_everybody(sydney, client):
    for path in ("schema", "docs"):
        assert client.get(f"/api/v1/{path}", headers={"host": "sydney.localhost"}).status_code == 200
