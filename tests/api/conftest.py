"""The API as callers meet it: by host name, with a key or a session, through every middleware."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from django.contrib.auth.models import Permission, User
from django.test import Client

from integrations import hub, registry
from integrations.api import keys
from integrations.api.scopes import SCOPES
from integrations.connections.models import Connection
from integrations.hub.models import Chapter
from integrations.lab.app import make_lab
from integrations.lab.server import serve
from integrations.sync import engine
from integrations.sync import services as syncing
from integrations.sync.models import SyncRun

from .samples import PROVIDERS

STRIPE_KEY = "rk_test_{}Demo0000000000000000"


@pytest.fixture(autouse=True)
def _sample_providers(monkeypatch):
    monkeypatch.setattr(registry, "all_providers", lambda: PROVIDERS)


@dataclass
class Caller:
    """Asks one chapter's API. `token`: an API key; without one, whoever `client` is signed in as."""

    chapter: Chapter
    token: str = ""
    client: Client = field(default_factory=Client)

    def ask(self, method: str, path: str, body: Any = None, **headers: str):
        sent = {"HTTP_HOST": f"{self.chapter.slug}.localhost"}
        if self.token:
            sent["HTTP_AUTHORIZATION"] = f"Bearer {self.token}"
        sent |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.client.generic(method, f"/api/v1/{path}", raw, content_type="application/json", **sent)

    def get(self, path: str, **headers: str):
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str):
        return self.ask("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str):
        return self.ask("PUT", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str):
        return self.ask("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str):
        return self.ask("DELETE", path, **headers)


@pytest.fixture
def with_key():
    """`with_key(chapter, "sync:run", ...)`: a caller with a key of those scopes; all of them when none is named."""

    def make(chapter: Chapter, *scopes: str) -> Caller:
        with hub.enter(chapter):
            _, token = keys.issue(name="Website", scopes=scopes or SCOPES)
        return Caller(chapter, token)

    return make


@pytest.fixture
def signed_in():
    """`signed_in(chapter, "integrations.view_connection", ...)`: a person with those permissions."""

    def make(chapter: Chapter, *permissions: str, check_csrf: bool = False) -> Caller:
        with hub.enter(chapter):
            user = User.objects.create_user(f"p{User.objects.count()}", password="a long password")
            for permission in permissions:
                app, _, codename = permission.partition(".")
                user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
            client = Client(enforce_csrf_checks=check_csrf)
            client.force_login(user)
        return Caller(chapter, client=client)

    return make


@pytest.fixture
def connect():
    """`connect(chapter, "shop", name=...)`: a connection that works."""

    def make(chapter: Chapter, provider: str = "shop", **fields: Any) -> Connection:
        values = {"name": provider.title(), "auth_kind": "api_key", "status": "connected"} | fields
        with hub.enter(chapter):
            return Connection.objects.create(provider=provider, **values)

    return make


@pytest.fixture(scope="session")
def running_lab():
    with serve(make_lab()) as serving:
        yield serving.url


@pytest.fixture
def lab(running_lab, settings):
    """The lab standing in for vendors, as new; its address."""
    settings.LAB_URL = running_lab
    requests.post(f"{running_lab}/_lab/reset", json={}, timeout=5)
    return running_lab


@pytest.fixture
def stripe(with_key, lab):
    """`stripe(chapter)`: a caller whose chapter has connected Stripe, with nothing queued any more."""

    def make(chapter: Chapter) -> Caller:
        caller = with_key(chapter)
        sent = {"fields": {"key": STRIPE_KEY.format(chapter.slug)}, "environment": "lab", "plan_first": False}
        assert caller.post("integrations/stripe/connect", sent).status_code == 201
        with hub.enter(chapter):
            syncing.cancel_all(Connection.objects.get())
        return caller

    return make


def synced(caller: Caller, resource: str) -> None:
    """Ask for a sync and run what was queued, as a worker would."""
    runs = caller.post(f"integrations/stripe/sync/{resource}", {}).json()["runs"]
    with hub.enter(caller.chapter):
        for asked in runs:
            run = SyncRun.objects.get(pk=asked["id"])
            assert engine.run_sync(run.connection, run.resource, run=run).state in ("succeeded", "partial"), run.message


def problem(response, status: int, kind: str = "") -> dict[str, Any]:
    """The response is this problem, whole and honest about itself."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    found = response.json()
    assert set(found) >= {"type", "title", "status", "detail", "instance", "errors"}
    assert found["status"] == status
    assert found["title"]
    assert found["detail"]
    assert found["type"] == (f"urn:chapterhouse:problem:{kind}" if kind else "about:blank")
    assert found["instance"].startswith("/api/")
    return found
