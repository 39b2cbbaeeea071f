from __future__ import annotations

import dataclasses
import io
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.db import connection as database

from integrations import hub, registry
from integrations.connections.models import Connection
from integrations.hub import webhook_secrets
from integrations.hub.jobs import claims, worker
from integrations.hub.models import ProviderApp
from integrations.inbound import addresses, refusals
from integrations.inbound.models import InboundEvent
from integrations.inbound.wsgi import Intake
from integrations.provider import AnswersGet, EchoedField, Hmac, Provider, SharedToken, TimestampedHmac, Webhook
from tests.provider.signers import PAYPAL, b64, mac
from tests.sync import testbook
from tests.sync.conftest import running_vendor  # noqa: F401 a fixture
from tests.sync.vendor import Vendor, tiny_door

TOPICS = {"contact.updated": "contacts", "contact.deleted": "contacts", "tag.changed": "tags"}
SIGNED = Webhook(
    verify=TimestampedHmac("testbook-signature"),
    topics=TOPICS,
    record="object.id",
    event_id="id",
    deletes=("contact.deleted",),
)
FOR_ALL = Webhook(
    verify=Hmac("x-signature", encoding="base64"),
    topics=TOPICS,
    app_level=True,
    events="events",
    account="tenant",
    record="object.id",
    challenge=EchoedField(),
)
BY_TOKEN = Webhook(
    verify=SharedToken(), topics={"update": "contacts"}, body="form", record="data.id", challenge=AnswersGet()
)
BY_CERTIFICATE = Webhook(
    verify=PAYPAL,
    topics=TOPICS,
    record="object.id",
    event_id="id",
    headers=("paypal-transmission-id", "paypal-transmission-time", "paypal-transmission-sig", "paypal-cert-url"),
)
WAYS = {"signed": SIGNED, "for-all": FOR_ALL, "by-token": BY_TOKEN, "by-certificate": BY_CERTIFICATE}


def provider(slug: str, webhook: Webhook) -> Provider:
    """Testbook, whose contacts can be asked for one by one."""
    resources = tuple(
        dataclasses.replace(one, one="") if one.name == "contacts" else one for one in testbook.provider.resources
    )
    return dataclasses.replace(testbook.provider, slug=slug, webhook=webhook, resources=resources)


@pytest.fixture
def vendor(running_vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> Vendor:  # noqa: F811
    running_vendor.reset()
    refusals._waiting.clear()
    declared = {slug: provider(slug, webhook) for slug, webhook in WAYS.items()}
    monkeypatch.setattr(registry, "all_providers", lambda: declared)
    monkeypatch.setattr("integrations.http.open_door", tiny_door(running_vendor.url))
    return running_vendor


@dataclass
class Told:
    status: str
    headers: dict[str, str]
    body: bytes


def _behind(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("404 Behind", [])
    return [b"behind"]


door = Intake(_behind)


def call(path: str, body: bytes = b"", *, method: str = "POST", **headers: str) -> Told:
    """A request as a server hands it over."""
    told: list[Any] = []
    parts = urlsplit(path)
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": parts.path,
        "QUERY_STRING": parts.query,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
    }
    answered = b"".join(door(environ, lambda *said: told.extend(said)))
    database.set_schema_to_public()
    return Told(told[0], dict(told[1]), answered)


def connect(way: str, name: str = "Ledger", account: str = "") -> Connection:
    connection = Connection.objects.create(
        provider=way, name=name, auth_kind="none", status=Connection.Status.CONNECTED, account_id=account
    )
    addresses.prepare(connection)
    return connection


SECRETS = {"sydney": "whsec_of_sydney", "melbourne": "whsec_of_melbourne"}


@pytest.fixture
def both(vendor: Vendor, sydney: Any, melbourne: Any) -> dict[str, Connection]:
    """The same two connections in both chapters: one whose vendor signs, one of the hub's app."""
    found = {}
    for chapter in (sydney, melbourne):
        with hub.enter(chapter):
            found[chapter.slug] = connect("signed")
            addresses.keep_secret(found[chapter.slug], SECRETS[chapter.slug])
            connect("for-all", account=f"org-{chapter.slug}")
    app = ProviderApp.objects.create(provider="for-all", client_id="app", client_secret="x")
    webhook_secrets.put(app, "key-of-the-app")
    app.save()
    return found


def event(number: int = 1, topic: str = "contact.updated", record: str = "c1") -> dict[str, Any]:
    return {"id": f"evt_{number}", "type": topic, "object": {"id": record}}


def signed(chapter: str, document: Any, *, secret: str = "", at: float | None = None) -> Told:
    """Delivered to the chapter's address, signed with its secret."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    time_ = int(time.time() if at is None else at)
    signature = mac((secret or SECRETS[chapter]).encode(), f"{time_}.".encode() + body).hex()
    return call(f"/api/v1/webhooks/signed/{chapter}", body, testbook_signature=f"t={time_},v1={signature}")


def for_all(document: Any, secret: str = "key-of-the-app") -> Told:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return call("/api/v1/webhooks/for-all", body, x_signature=b64(mac(secret.encode(), body)))


def form(**fields: str) -> bytes:
    return urlencode(fields).encode()


def work() -> None:
    """Workers take what is due until nothing is."""
    while claim := claims.claim():
        worker.run(claim)
    database.set_schema_to_public()


def events(chapter: Any) -> list[InboundEvent]:
    with hub.enter(chapter):
        return list(InboundEvent.objects.order_by("id"))
