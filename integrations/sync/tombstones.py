"""A vendor's own list of what it deleted, read after the resource's. Each entry is a word of the vendor's, and still behind a
brake: a vendor's bad day must not empty our lists.

Nothing is taken as deleted before the whole list has been read, and the place in it moves with the deletions: a read that
breaks off anywhere is made again from where the last one ended.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.utils import timezone

from integrations.http import Door
from integrations.mapping.compile import key_text
from integrations.mapping.paths import getter
from integrations.provider import Resource, Tombstones

from . import deletes
from .batch import Route
from .columns import array_of_texts
from .cursors import instant, newest, sent_as
from .models import ResourceState
from .pages import read_pages

# A record that changed here so long after its deletion was made anew there; what is nearer may be two clocks.
CLOCKS = timedelta(minutes=10)

_NAMED = """
WITH linked AS (
    SELECT l.id, t.key IS NOT NULL AS gone
    FROM integrations_recordlink l
    LEFT JOIN unnest(%(keys)s::text[], %(moments)s::timestamptz[]) AS t (key, moment)
        ON t.key = l.external_id AND (t.moment IS NULL OR t.moment > l.last_changed - %(clocks)s)
    WHERE l.connection_id = %(connection)s AND l.resource = %(resource)s AND l.state = 'active'
)
SELECT count(*), coalesce(array_agg(id) FILTER (WHERE gone), '{}') FROM linked
"""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the list named: key -> when it was deleted, where that is said. `cursor`: how far it has been read."""

    keys: Mapping[str, datetime | None]
    cursor: str


def read(door: Door, resource: Resource, state: ResourceState, began: datetime) -> Found | None:
    """The list of deletions since last time, whole; None where the vendor has no such list. Raises ProviderErrors."""
    wanted = resource.deletes
    if not isinstance(wanted, Tombstones) or not wanted.path:
        return None
    cursor = wanted.cursor
    if cursor and state.last_complete_at is None:
        return Found(keys={}, cursor=began.isoformat())  # nothing was here before, so nothing of it can be gone
    since = datetime.fromisoformat(state.deletions_cursor) if cursor and state.deletions_cursor else None
    listed = replace(
        resource,
        path=wanted.path,
        records=wanted.records,
        pages=wanted.pages,
        params=wanted.params,
        cursor=cursor,
        within=None,
    )
    sent = sent_as(cursor, since) if cursor and since else None
    key_of = getter(wanted.key)
    moment_of = getter(cursor.field) if cursor else None
    keys: dict[str, datetime | None] = {}
    latest = since
    for page in read_pages(door, listed, exact=False, since=sent):
        for entry in page.records:
            if key := _key(key_of(entry)):
                keys[key] = instant(cursor, moment_of(entry)) if cursor and moment_of else None
        latest = newest(cursor, page.records, latest, began) if cursor else None
    return Found(keys=keys, cursor=latest.isoformat() if latest else "")


@dataclass(frozen=True, kw_only=True)
class Named:
    """Links that the list named, of the `linked` there are."""

    links: Sequence[UUID]
    linked: int


def named(route: Route, found: Found, *, changed: Collection[str] = ()) -> Named:
    """What the list named and is linked. `changed`: keys that count as changed here just now. One query."""
    before = timezone.now() - CLOCKS
    keys = {key: at for key, at in found.keys.items() if key not in changed or at is None or at > before}
    if not keys:
        return Named(links=(), linked=0)
    with database.cursor() as cursor:
        cursor.execute(
            _NAMED,
            {
                "keys": array_of_texts(keys),
                "moments": list(keys.values()),
                "clocks": CLOCKS,
                "connection": route.connection.pk,
                "resource": route.resource.name,
            },
        )
        linked, gone = cursor.fetchone()
    return Named(links=gone, linked=linked)


def beyond_the_brake(route: Route, gone: Named) -> str:
    """What is said of more than the brake's share of links, as the beginning of a sentence; "" where it is not more."""
    assert isinstance(route.resource.deletes, Tombstones)
    brake = route.resource.deletes.brake
    if len(gone.links) <= max(brake * gone.linked, 1):
        return ""
    return f"{len(gone.links):,} of {gone.linked:,} were deleted there, more than {brake:.0%}"


def bury(route: Route, gone: Named, *, approved: bool, most: Callable[[int], int]) -> tuple[int, str]:
    """Mark the links that the list named; returns how many, and what a person should know. Above the brake's share of links,
    or above `most(links)`, nothing is deleted, unless somebody approved it. Call it inside a transaction."""
    if not approved:
        too_many = beyond_the_brake(route, gone)
        if not too_many and len(gone.links) > most(gone.linked):
            too_many = (
                f"{len(gone.links):,} of {gone.linked:,} were deleted there, which together with what changed is more than a"
                " sync may do by itself"
            )
        if too_many:
            return 0, f"{too_many}: nothing was deleted here. Look there first; if it is right, approve it."
    return deletes.mark(gone.links), ""


def _key(value: Any) -> str:
    try:
        return key_text(value)
    except ValueError:
        return ""
