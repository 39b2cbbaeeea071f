"""One resource of one connection, read to the end: its pages, or the pages of each of its parents.

A place says how far a read has come, and is what an interrupted one continues from:
`{"next": token}` inside a list and `{"ended": true}` behind it, `{"after": key, "parent": key, "next": token}` inside the list
of a parent and `{"after": key}` behind it. With a page number or an offset, `"last"` is what the page before it ended with.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from integrations.connections.models import Connection
from integrations.http import Door
from integrations.provider import Permanent, Resource

from .ahead import TurnOver, ahead
from .cursors import sent_as
from .models import PlannedKey, RecordLink
from .moved import ends_with
from .pages import read_pages

PARENTS_AT_ONCE = 500
GONE = (404, 410)


@dataclass(frozen=True, kw_only=True)
class Piece:
    """What one request brought, and the place after it. `ends`: nothing of this list (of this parent) comes after it.
    `doubtful`: it cannot be said that everything there was has been seen."""

    records: list[Any]
    place: dict[str, Any]
    ends: bool
    parent: str | None = None
    total: int | None = None
    doubtful: bool = False


@dataclass(frozen=True, kw_only=True)
class Request:
    """`since` None reads everything; `known_since` is when the last complete read began: a parent first seen after it is
    read from its beginning. `late` says when the turn is over: TurnOver is raised instead of asking for more. `planned`: the
    plan that has shown parents which are not here yet."""

    connection: Connection
    resource: Resource
    exact: bool
    since: datetime | None
    known_since: datetime | None
    place: dict[str, Any]
    late: Callable[[], bool] = lambda: False
    planned: UUID | None = None


def read(door: Door, request: Request) -> Generator[Piece]:
    """Every piece from the place on. Raises ProviderErrors. Close it when no more are wanted: pages are fetched ahead."""
    if request.place.get("ended"):
        return
    if request.resource.within is None:
        yield from _list(door, request, None, request.since, request.place.get("next"))
        return
    after, parent, token = (request.place.get(name) for name in ("after", "parent", "next"))
    for key, first_seen in _parents(request, after or ""):
        if after != request.place.get("after") and request.late():
            raise TurnOver
        fresh = request.known_since is None or first_seen >= request.known_since
        begin = token if key == parent else None
        with closing(_of_parent(door, request, key, None if fresh else request.since, begin)) as pieces:
            for piece in pieces:
                place = {"after": key} if piece.ends else {"after": after, "parent": key, **piece.place}
                yield Piece(
                    records=_put_in(request.resource, key, piece.records),
                    place=place,
                    ends=piece.ends,
                    parent=key,
                    doubtful=piece.doubtful,
                )
        after = key


def _list(door: Door, request: Request, parent: str | None, since: datetime | None, token: Any) -> Generator[Piece]:
    cursor = request.resource.cursor
    sent = sent_as(cursor, since) if cursor and since else None
    pages = read_pages(door, request.resource, exact=request.exact, since=sent, token=token, parent=parent)
    with closing(ahead(pages, request.late)) as found:
        for page in found:
            last = ends_with(request.resource, token, page)
            token = page.following
            yield Piece(
                records=page.records,
                place={"ended": True} if page.following is None else {"next": page.following, **last},
                ends=page.following is None,
                total=page.total,
                doubtful=page.not_modified,
            )


def _of_parent(door: Door, request: Request, key: str, since: datetime | None, token: Any) -> Generator[Piece]:
    """A parent that is gone has no list any more; whether its records are gone with it is not for us to guess."""
    try:
        yield from _list(door, request, key, since, token)
    except Permanent as error:
        if error.status not in GONE:
            raise
        yield Piece(records=[], place={}, ends=True, doubtful=True)


def _parents(request: Request, after: str) -> Iterator[tuple[str, datetime]]:
    """Keys of the parents we know, in their order, from after the one that was finished last."""
    assert request.resource.within
    links = RecordLink.objects.filter(
        connection=request.connection,
        resource=request.resource.within.resource,
        state=RecordLink.State.ACTIVE,
    ).order_by("external_id")
    while True:
        found = list(links.filter(external_id__gt=after).values_list("external_id", "first_seen")[:PARENTS_AT_ONCE])
        if request.planned:
            found = _with_planned(found, request.planned, after)
        yield from found
        if len(found) < PARENTS_AT_ONCE:
            return
        after = found[-1][0]


def _with_planned(found: list[tuple[str, datetime]], plan: UUID, after: str) -> list[tuple[str, datetime]]:
    keys = PlannedKey.objects.filter(run_id=plan, external_id__gt=after).order_by("external_id")
    new = dict.fromkeys(keys.values_list("external_id", flat=True)[:PARENTS_AT_ONCE], timezone.now())
    return sorted((new | dict(found)).items())[:PARENTS_AT_ONCE]


def _put_in(resource: Resource, parent: str, records: list[Any]) -> list[Any]:
    assert resource.within
    for record in records:
        if type(record) is dict:
            record[resource.within.into] = parent
    return records
