"""Three places, each with a row in every table: two chapters and the hub."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from integrations import hub, registry
from integrations.api import keys
from integrations.api.scopes import SCOPES
from integrations.hub.models import Chapter

from .cases import Place
from .specimens import models_of_a_chapter, models_of_the_hub, specimens

# Tables of the hub that a chapter's own acts add rows to.
WRITTEN_FOR_CHAPTERS = {"hub_ratebucket", "hub_oauthstate"}
HOSTS = {"sydney": "sydney.localhost", "melbourne": "melbourne.localhost", "hub": "hub.localhost"}


@dataclass(frozen=True, kw_only=True)
class Asker:
    """Somebody with full rights in one place. `token`: an API key with every scope, in a chapter."""

    place: Place
    client: Client
    token: str


@contextlib.contextmanager
def inside(name: str) -> Iterator[None]:
    if name == "hub":
        connection.set_schema_to_public()
        yield
    else:
        with hub.enter(name):
            yield


@pytest.fixture
def places(sydney: Chapter, melbourne: Chapter) -> dict[str, Place]:
    """Every place has a connection to another provider, so that a slug means something in one place only."""
    slugs = sorted(registry.all_providers())
    made = {}
    for number, (name, host) in enumerate(HOSTS.items(), 1):
        kinds = models_of_the_hub() if name == "hub" else models_of_a_chapter()
        canary, provider = f"canary-of-{name}", slugs[number % len(slugs)]
        with inside(name):
            rows = specimens(kinds, canary=canary, offset=number * 100_000, provider=provider)
        made[name] = Place(name=name, host=host, canary=canary, provider=provider, rows=rows)
    return made


@pytest.fixture
def askers(places: dict[str, Place]) -> dict[str, Asker]:
    made = {}
    for number, (name, place) in enumerate(places.items(), 1):
        client, token = Client(headers={"host": place.host}), ""
        with inside(name):
            user = User.objects.create_superuser(f"chief-of-{name}", password="x" * 20, pk=number * 100_000 + 50_000)
            client.force_login(user)
            if name != "hub":
                _, token = keys.issue(name="All", scopes=SCOPES)
        made[name] = Asker(place=place, client=client, token=token)
    return made


def fingerprint(name: str) -> dict[str, tuple[int, str]]:
    """Table -> how many rows, and a digest of them."""
    schema = "public" if name == "hub" else f"c_{name}"
    found = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", [schema])
        for (table,) in cursor.fetchall():
            digest = "md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))"
            its_own = "WHERE t::text LIKE '%%canary%%'" if table in WRITTEN_FOR_CHAPTERS else ""
            cursor.execute(f'SELECT count(*), {digest} FROM "{schema}"."{table}" t {its_own}')
            found[table] = cursor.fetchone()
    return found
