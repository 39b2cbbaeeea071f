"""The same contacts through the whole engine: `engine_pull.py URL [full]` prints a line of JSON. Database and schema as the
environment says; the chapter `bench` and its connection are made by the first call."""

from __future__ import annotations

import json
import resource
import sys
import time
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import django

django.setup()

import requests  # noqa: E402
from django.db import connection as database  # noqa: E402

from bench.limit import backend_cpu  # noqa: E402
from integrations import http, hub, registry  # noqa: E402
from integrations.connections.models import Connection  # noqa: E402
from integrations.hub.models import Chapter  # noqa: E402
from integrations.provider import Cursor, Field, Mapping, NoAuth, PageNumber, Provider, Resource, convert  # noqa: E402
from integrations.sync.engine import run_sync  # noqa: E402

PARTY = Mapping(
    Field("name", "Name", convert.text, required=True),
    Field("given_name", "FirstName", convert.text),
    Field("family_name", "LastName", convert.text),
    Field("number", "ContactNumber", convert.text),
    Field("email", "EmailAddress", convert.lower),
    Field("phone", "Phone", convert.text),
    Field("tax_number", "TaxNumber", convert.text),
    Field("currency", "DefaultCurrency", convert.upper),
    Field("country", "Address.Country", convert.upper),
    Field("status", "ContactStatus", convert.one_of({"ACTIVE": "active", "ARCHIVED": "archived"})),
)


def provider(url: str) -> Provider:
    contacts = Resource(
        "contacts",
        path="/contacts",
        records="contacts",
        key="ContactID",
        target="finance.party",
        mapping=PARTY,
        pages=PageNumber(size=100, size_param="page_size"),
        cursor=Cursor(field="UpdatedDateUTC", header="If-Modified-Since"),
    )
    return Provider(
        slug="bench", name="Bench", category="accounting", website="", summary="", auth=NoAuth(), base_url=url,
        test="/", resources=(contacts,),
    )  # fmt: skip


class PlainDoor:
    """No rate limit and no guard: what is measured is the engine."""

    def __init__(self, url: str) -> None:
        self.base_url, self.session = url, requests.Session()

    def fetch(self, method, url_or_path, *, params=None, headers=None):
        answer = self.session.request(method, self.base_url + url_or_path, params=params, headers=headers)
        answer.status, answer.body = answer.status_code, answer.content
        return answer


@contextmanager
def plain_door(connection, **_):
    yield PlainDoor(registry.get("bench").base_url)


def chapter() -> Chapter:
    found = Chapter.objects.filter(slug="bench").first()
    return found or Chapter.objects.create(slug="bench", name="Bench")


def pull(url: str, full: str = "") -> None:
    registry.all_providers = lambda: {"bench": provider(url)}
    http.open_door = plain_door
    with hub.enter(chapter()):
        ledger, _ = Connection.objects.get_or_create(
            provider="bench", name="Bench", auth_kind="none", status=Connection.Status.CONNECTED
        )
        database.ensure_connection()
        before = backend_cpu(database.connection.info.backend_pid)
        began, cpu = time.perf_counter(), time.process_time() + before
        run = run_sync(ledger, "contacts", full=bool(full))
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
        with database.cursor() as cursor:
            cursor.execute(
                "SELECT pg_total_relation_size('finance_party'), pg_total_relation_size('integrations_recordlink')"
            )
            sizes = cursor.fetchone()
        cpu += backend_cpu(database.connection.info.backend_pid)
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"seconds": took, "cpu": cpu, "seen": run.fetched, "changed": run.created + run.updated, "rss": rss,
                      "message": run.message, "bytes": sizes}))  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) == 1:
        chapter()
    else:
        pull(*sys.argv[1:])
