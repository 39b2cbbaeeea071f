"""What a complete read no longer shows is gone there. Behind a brake: a vendor's bad day must not empty our lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from django.db import connection as database
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from integrations.provider import FullComparison

from .batch import Route
from .copy import table
from .models import RecordLink, ResourceState, SeenKey

_GONE = """
WITH linked AS (
    SELECT l.id, NOT EXISTS (SELECT FROM integrations_seenkey s WHERE s.state_id = %(state)s
                             AND s.external_id = l.external_id) AS gone
    FROM integrations_recordlink l
    WHERE l.connection_id = %(connection)s AND l.resource = %(resource)s AND l.state = 'active'
      AND l.first_seen < %(began)s
)
SELECT count(*), coalesce(array_agg(id) FILTER (WHERE gone), '{}') FROM linked
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
        cursor.execute(
            _GONE,
            {
                "state": state.pk,
                "connection": route.connection.pk,
                "resource": route.resource.name,
                "began": began,
            },
        )
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
    deleted = RecordLink.objects.filter(pk__in=gone).update(
        state=RecordLink.State.REMOTE_DELETED, last_changed=timezone.now()
    )
    return deleted, ""


def forget(state: ResourceState) -> None:
    SeenKey.objects.filter(state=state).delete()
