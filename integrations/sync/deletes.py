"""What a complete read no longer shows is gone there. Behind a brake: a vendor's bad day must not empty our lists."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from integrations.provider import FullComparison

from .batch import Route
from .copy import table
from .models import RecordLink, ResourceState, SeenKey

# `first_seen < began`: what came during the read was seen by it.
_LINKED = """
FROM integrations_recordlink l
WHERE l.connection_id = %(connection)s AND l.resource = %(resource)s AND l.state = 'active' AND l.first_seen < %(began)s
"""
_UNSEEN = """
NOT EXISTS (SELECT FROM integrations_seenkey s WHERE s.state_id = %(state)s AND s.external_id = l.external_id)
AND NOT EXISTS (SELECT FROM integrations_plannedkey p WHERE p.run_id = %(plan)s AND p.external_id = l.external_id)
"""
_GONE = f"SELECT count(*), coalesce(array_agg(l.id) FILTER (WHERE {_UNSEEN}), '{{}}') {_LINKED}"
_COUNT = f"SELECT count(*) {_LINKED} AND {_UNSEEN}"
_SOME = f"""
SELECT l.external_id, l.record_id {_LINKED} AND {_UNSEEN} ORDER BY l.external_id LIMIT %(wanted)s
"""


def remember(cursor: CursorWrapper, state: ResourceState, keys: Sequence[str]) -> None:
    """These were shown by the read under way."""
    table(SeenKey).insert(cursor, [{"state_id": state.pk, "external_id": key} for key in keys])


def compare(
    route: Route, state: ResourceState, began: datetime, *, approved: bool, most: Callable[[int], int] | None = None
) -> tuple[int, str]:
    """Mark the links that a complete read did not show; returns how many, and what a person should know.

    Above the brake's share of links, or above `most(links)`, nothing is deleted, unless somebody approved it.
    """
    assert isinstance(route.resource.deletes, FullComparison)
    brake = route.resource.deletes.brake
    with database.cursor() as cursor:
        cursor.execute(_GONE, _given(route, state, None, began))
        linked, gone = cursor.fetchone()
    if not gone:
        return 0, ""
    if len(gone) > brake * linked and not approved:
        return 0, (
            f"{len(gone):,} of {linked:,} are no longer there, more than {brake:.0%}: nothing was deleted. "
            "Look there first; if it is right, approve it."
        )
    if most is not None and len(gone) > most(linked) and not approved:
        return 0, (
            f"{len(gone):,} of {linked:,} are no longer there, which together with what changed is more than a sync may do "
            "by itself: nothing was deleted. Look there first; if it is right, approve it."
        )
    return mark(gone), ""


def unseen(
    route: Route, state: ResourceState | None, plan: UUID | None, began: datetime, wanted: int
) -> tuple[int, list[tuple[str, UUID]]]:
    """What `compare` would mark: how many, and some of them as (their key, our record). `state` and `plan`: whose kept keys
    count as shown, the resource's or those of a run that only plans."""
    given = _given(route, state, plan, began)
    with database.cursor() as cursor:
        cursor.execute(_COUNT, given)
        (count,) = cursor.fetchone()
        if not count or wanted <= 0:
            return count, []
        cursor.execute(_SOME, {**given, "wanted": wanted})
        return count, cursor.fetchall()


def mark(links: Collection[UUID]) -> int:
    """These are gone there; returns how many."""
    return RecordLink.objects.filter(pk__in=links).update(
        state=RecordLink.State.REMOTE_DELETED, last_changed=timezone.now()
    )


def _given(route: Route, state: ResourceState | None, plan: UUID | None, began: datetime) -> dict[str, Any]:
    return {
        "connection": route.connection.pk,
        "resource": route.resource.name,
        "began": began,
        "state": state.pk if state else None,
        "plan": plan,
    }


def forget(state: ResourceState) -> None:
    SeenKey.objects.filter(state=state).delete()
