"""Which records are to be sent: read off the feed of changes, or compared one and all after sending was switched on.

What is wished for is decided by state, not by event: a record whose fields equal what both sides last agreed on is not wished
for, however often it changed. So ten edits are one write, and what was read from the vendor never goes back.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from django.db import connection as database
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from integrations.changes import feed, origins
from integrations.connections.models import Connection
from integrations.sync.batch import Route
from integrations.sync.conflicts import open_fields
from integrations.sync.copy import table
from integrations.sync.models import RecordLink, ResourceState

from . import outbox, sides
from .outbox import Wish

AT_ONCE = 1_000

# Whatever is, or was, linked to this resource is not created there (again).
_ONLY_HERE = """
SELECT t.id FROM {table} t
WHERE NOT EXISTS (
    SELECT FROM integrations_recordlink l
    WHERE l.record_id = t.id AND l.connection_id = %(connection)s AND l.resource = %(resource)s)
AND NOT EXISTS (
    SELECT FROM integrations_outboundwrite w
    WHERE w.record_id = t.id AND w.connection_id = %(connection)s AND w.resource = %(resource)s AND NOT w.state = 'done')
LIMIT %(limit)s
"""


class Staged(NamedTuple):
    """`more`: there is something left to look at. `deleted`: records that were deleted here and are still there."""

    more: bool
    deleted: int = 0


def consumer_of(connection: Connection, resource: str) -> str:
    """The name under which the feed keeps how far this resource has been sent."""
    return f"push:{connection.pk}:{resource}"


def begin(route: Route, state: ResourceState) -> None:
    """From here on everything that changes is seen; what differs by now is found by comparing once. Saves the state."""
    feed.moved(consumer_of(route.connection, route.resource.name), feed.now())
    state.comparing, state.compared, state.trusted = True, None, False
    state.save(update_fields=["comparing", "compared", "trusted"])


def stage(route: Route, state: ResourceState) -> Staged:
    """Look at up to AT_ONCE records or changes, and wish for those that differ. Call it in a transaction with the state
    locked: the place and the wishes are committed together."""
    with database.cursor() as cursor:
        if state.comparing:
            _compare(cursor, route, state)
            return Staged(more=True)
        return _follow(cursor, route, state)


def compare(cursor: CursorWrapper, route: Route, records: Collection[UUID], *, creates: bool) -> int:
    """Wish for those of these records that differ from what both sides last agreed on, and for those that are only here.
    Returns how many are linked and have no row here any more."""
    if not records:
        return 0
    links = RecordLink.objects.filter(
        connection=route.connection, resource=route.resource.name, record_id__in=list(records)
    )
    known = list(links.defer("refs"))
    mine = sides.ours(cursor, route.target, records)
    active = [link for link in known if link.state == RecordLink.State.ACTIVE]
    disputed = open_fields([link.pk for link in active])
    wishes = [
        Wish(link.record_id, link.external_id)
        for link in active
        if link.record_id in mine and _differs(route, mine[link.record_id], link.base, disputed.get(link.pk, ()))
    ]
    if creates:
        linked = {link.record_id for link in known}
        wishes += [Wish(record_id) for record_id in mine if record_id not in linked]
    outbox.wish(cursor, route.connection, route.resource.name, wishes)
    return sum(1 for link in active if link.record_id not in mine)


def may_create(route: Route, state: ResourceState) -> bool:
    """A record of a list inside another one's cannot be created by itself: nobody said in which."""
    write = route.resource.write
    return bool(state.creates and write and write.create and route.resource.within is None)


def _differs(route: Route, mine: sides.Mine, base: dict[str, object], disputed: Collection[str]) -> bool:
    try:
        spoken = sides.spoken(route.target, mine, base)
    except sides.Unsendable:
        return True  # it is refused where it would be sent, with its reason
    return bool(sides.changes(route, spoken, sides.agreed(route.target, base), but_not=disputed))


def _follow(cursor: CursorWrapper, route: Route, state: ResourceState) -> Staged:
    name = consumer_of(route.connection, route.resource.name)
    final = feed.now()
    entries = feed.read(
        feed.position_of(name),
        target=route.target.name,
        but_not=origins.of_connection(route.connection.pk),
        limit=AT_ONCE,
    )
    changed = list(dict.fromkeys(entry.aggregate for entry in entries))
    deleted = compare(cursor, route, changed, creates=may_create(route, state))
    more = len(entries) == AT_ONCE
    # Past what is none of ours, too: else each look would go through all that the connection itself has brought.
    feed.moved(name, entries[-1].position if more else max([final, *(entry.position for entry in entries)]))
    return Staged(more=more, deleted=deleted)


def _compare(cursor: CursorWrapper, route: Route, state: ResourceState) -> None:
    """The links in their order, then (where records are created) what is only here."""
    if found := _linked(route, state.compared):
        compare(cursor, route, [record_id for _, record_id in found], creates=False)
        state.compared = found[-1][0]
    else:
        only_here = _only_here(cursor, route) if may_create(route, state) else []
        outbox.wish(cursor, route.connection, route.resource.name, [Wish(one) for one in only_here])
        state.comparing = len(only_here) == AT_ONCE
    state.save(update_fields=["comparing", "compared"])


def _linked(route: Route, after: UUID | None) -> list[tuple[UUID, UUID]]:
    links = RecordLink.objects.filter(
        connection=route.connection, resource=route.resource.name, state=RecordLink.State.ACTIVE
    )
    following = links.filter(pk__gt=after) if after else links
    return list(following.order_by("pk").values_list("pk", "record_id")[:AT_ONCE])


def _only_here(cursor: CursorWrapper, route: Route) -> list[UUID]:
    statement = sql.SQL(_ONLY_HERE).format(table=table(route.target.model).name)
    asked = {"connection": route.connection.pk, "resource": route.resource.name, "limit": AT_ONCE}
    cursor.execute(statement, asked)
    return [row[0] for row in cursor.fetchall()]
