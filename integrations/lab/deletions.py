"""A vendor's list of what it deleted (`Tombstones.path`): what was deleted in the lab, in the words of the declaration."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from integrations.provider import Cursor, Resource, Tombstones
from integrations.provider.paths import plant

from . import paging
from .wire import Answer, Request, json_bytes


def answer(resource: Resource, deleted: Sequence[tuple[str, datetime]], request: Request) -> Answer:
    """`deleted`: (key, when), in that order, of what is to be listed."""
    wanted = resource.deletes
    assert isinstance(wanted, Tombstones)
    address = f"https://{request.host}{request.path}"
    cut = paging.cut(wanted.pages, [key for key, _ in deleted], request.query, address)
    entries = [_entry(wanted, key, moment) for key, moment in deleted[cut.start : cut.stop]]
    if not wanted.records:
        return Answer(body=json_bytes(entries), headers=cut.headers)
    body: dict[str, Any] = {}
    plant(body, wanted.records, entries)
    for path, value in cut.planted.items():
        plant(body, path, value)
    return Answer(body=json_bytes(body), headers=cut.headers)


def _entry(wanted: Tombstones, key: str, moment: datetime) -> dict[str, Any]:
    made: dict[str, Any] = {}
    plant(made, wanted.key, key)
    if wanted.cursor:
        plant(made, wanted.cursor.field, _spelt(wanted.cursor, moment))
    return made


def _spelt(cursor: Cursor, moment: datetime) -> str | int:
    return int(cursor.spell(moment)) if cursor.format == "unix" else cursor.spell(moment)
