"""Whose change it was: an origin of the feed in words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

from django.contrib.auth.models import User

from integrations import registry
from integrations.api.models import ApiKey
from integrations.connections.models import Connection
from integrations.ids import id_of
from integrations.sync.models import SyncRun

# The providers whose connections may be named; None for all.
Usable = Collection[str] | None


class Who(NamedTuple):
    """`alone` is a title: `Directly in the database`. `by` ends a sentence: `Changed by Ada Lovelace`."""

    alone: str
    by: str


def in_words(origins: Iterable[str], usable: Usable = None) -> dict[str, Who]:
    """Origin -> who that is; four queries at most, for any number."""
    asked: dict[str, dict[str, str]] = {}
    for origin in {*origins}:
        kind, _, key = origin.partition(":")
        asked.setdefault(kind, {})[origin] = key
    return {origin: who for kind, keys in asked.items() for origin, who in _of_kind(kind, keys, usable).items()}


def person(user: User) -> str:
    return user.get_full_name() or user.get_username()


class _Kind(NamedTuple):
    """`key` reads a key, None for a text that is none; `said` puts a row in words."""

    rows: Any
    key: Callable[[str], Any]
    said: Callable[[Any, Usable], Who]
    gone: Who


def _of_kind(kind: str, keys: dict[str, str], usable: Usable) -> dict[str, Who]:
    known = _KINDS.get(kind)
    if known is None:
        return dict.fromkeys(keys, _MERGE if kind == "merge" else _PLAIN_SQL)
    wanted = {origin: known.key(text) for origin, text in keys.items()}
    found = known.rows.in_bulk([key for key in wanted.values() if key is not None])
    return {origin: known.said(found[key], usable) if key in found else known.gone for origin, key in wanted.items()}


def _named(name: str) -> Who:
    return Who(name, f"by {name}")


def _unnamed(title: str) -> Who:
    return Who(title, f"by {title[0].lower()}{title[1:]}")


def _connection(connection: Connection, usable: Usable) -> Who:
    if usable is not None and connection.provider not in usable:
        return _unnamed("Another connection")
    known = registry.all_providers().get(connection.provider)
    return _named(f"{known.name if known else connection.provider}, “{connection.name}”")


def _key(key: ApiKey, usable: Usable) -> Who:
    return Who(f"API key “{key.name}”", f"by the API key “{key.name}”")


def _undo(run: SyncRun, usable: Usable) -> Who:
    said = "the undo" if run.kind == SyncRun.Kind.UNDO else "the sync"
    if usable is None or run.connection.provider in usable:
        said += f" of {run.resource.replace('_', ' ')} from “{run.connection.name}”"
    else:
        said += " of another connection"
    return Who(f"Undo of {said}", f"by the undo of {said}")


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


_PLAIN_SQL = Who("Directly in the database", "directly in the database")
_MERGE = _unnamed("A merge of two records")
_KINDS = {
    "connection": _Kind(Connection.objects, id_of, _connection, _unnamed("A connection that is no longer here")),
    "user": _Kind(
        User.objects, _number, lambda user, _: _named(person(user)), _unnamed("Somebody whose account is gone")
    ),
    "api": _Kind(ApiKey.objects, id_of, _key, _unnamed("An API key that is no longer here")),
    "undo": _Kind(SyncRun.objects.select_related("connection").defer("plan"), id_of, _undo, _unnamed("An undo")),
}
