"""An origin of the feed in words: who it was."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.contrib.auth.models import User

from integrations.api.models import ApiKey
from integrations.connections.models import Connection

UNNAMED = {
    "": "somebody with access to the database",
    "undo": "an undone sync",
    "merge": "a merge of two records",
}


def in_words(origins: Iterable[str]) -> dict[str, str]:
    """Origin -> `Ada Lovelace`, `the API key “Website”`, `“Sydney ledger”`. Three queries for any number."""
    origins = set(origins)
    named: dict[tuple[str, str], str] = {}
    people = User.objects.in_bulk([int(key) for key in _keys(origins, "user") if key.isdigit() and len(key) < 10])
    named |= {("user", str(pk)): one.get_full_name() or one.get_username() for pk, one in people.items()}
    keys = ApiKey.objects.in_bulk(_uuids(_keys(origins, "api")))
    named |= {("api", str(pk)): f"the API key “{one.name}”" for pk, one in keys.items()}
    connections = Connection.objects.in_bulk(_uuids(_keys(origins, "connection")))
    named |= {("connection", str(pk)): f"“{one.name}”" for pk, one in connections.items()}
    return {origin: _words(origin, named) for origin in origins}


def _words(origin: str, named: dict[tuple[str, str], str]) -> str:
    kind, _, key = origin.partition(":")
    gone = {"user": "somebody whose account is gone", "api": "an API key that is gone", "connection": "a connection"}
    return named.get((kind, key)) or gone.get(kind) or UNNAMED.get(kind) or UNNAMED[""]


def _keys(origins: set[str], kind: str) -> list[str]:
    return [origin.partition(":")[2] for origin in origins if origin.startswith(f"{kind}:")]


def _uuids(keys: list[str]) -> list[UUID]:
    found = []
    for key in keys:
        try:
            found.append(UUID(key))
        except ValueError:
            continue
    return found
