from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from django.utils import timezone

from integrations import registry
from integrations.connections import services
from integrations.connections.models import Connection
from integrations.marketplace import logos
from integrations.sync import services as syncing
from integrations.sync.models import SyncRun

from .staging import make_person, sign_in


@pytest.fixture(autouse=True)
def _fake_providers(settings) -> Iterator[None]:
    """The pages are tested with providers of their own, so that no vendor's change breaks them."""
    settings.PROVIDERS_PACKAGE = "tests.marketplace.fake_providers"
    _forget()
    yield
    _forget()


def _forget() -> None:
    registry.all_providers.cache_clear()
    logos.logo_of.cache_clear()


@pytest.fixture
def admin(sydney):
    """A browser in which Sydney's chapter admin is signed in; may also open the Django admin."""
    return sign_in(sydney, make_person(sydney, "Chapter admin", is_staff=True))


@pytest.fixture
def asked(monkeypatch) -> SimpleNamespace:
    """What the pages ask of the services, which answer at once: the pages' own behaviour is tested here, the services' in
    their own tests and both together in tests/browser."""
    calls = SimpleNamespace(connect=[], oauth=[], chosen=[], disconnected=[], synced=[], cancelled=[], approved=[])

    def connect_with_secret(**wish):
        calls.connect.append(wish)
        named = {"provider": wish["provider"], "name": wish["name"]}
        connection = wish["connection"] or Connection.objects.filter(**named).first() or Connection(**named)
        connection.status, connection.auth_kind = Connection.Status.CONNECTED, wish["auth_kind"]
        connection.account_id, connection.account_name = "acct_1", "Sydney Inc"
        connection.environment, connection.connected_at = wish["environment"], timezone.now()
        connection.save()
        return connection

    def begin_oauth(**wish):
        calls.oauth.append(wish)
        return "https://login.ledgerly.example/authorize?state=s1&scope=a%20b"

    def request_sync(connection, resource=None, **wish):
        calls.synced.append((connection.pk, resource, wish))
        names = [resource] if resource else ["customers", "payouts"]
        return [SyncRun.objects.create(connection=connection, resource=name) for name in names]

    for name, fake in {
        "connect_with_secret": connect_with_secret,
        "begin_oauth": begin_oauth,
        "accounts": lambda connection: [{"id": "a1", "name": "Sydney Inc"}, {"id": "a2", "name": "Sydney Events"}],
        "choose_account": lambda connection, account: calls.chosen.append((connection.pk, account)) or connection,
        "test": lambda connection: services.TestResult(
            ok=True, message="Tillstream answered in 143 ms.", milliseconds=143
        ),
        "disconnect": lambda connection, *, user=None: calls.disconnected.append((connection.pk, user.username)),
    }.items():
        monkeypatch.setattr(services, name, fake)
    monkeypatch.setattr(syncing, "request_sync", request_sync)
    monkeypatch.setattr(syncing, "approve", lambda run, *, user: calls.approved.append((run.pk, user.username)) or run)
    monkeypatch.setattr(syncing, "cancel", lambda run: calls.cancelled.append(run.pk))
    return calls


@pytest.fixture
def queries_of(django_assert_max_num_queries):
    """`queries_of(browser, address)`: how many statements a page asks of the database, without finding the chapter's schema
    (SET search_path, current_schema), which every request does a fixed number of times."""

    def count(browser, address: str) -> int:
        with django_assert_max_num_queries(200) as captured:
            assert browser.get(address).status_code == 200, address
        noise = ("SET search_path", "SELECT current_schema", "SAVEPOINT", "RELEASE")
        return len([query for query in captured if not query["sql"].startswith(noise)])

    return count
