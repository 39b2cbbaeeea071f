"""Open conflicts looked at again, when somebody has changed ours meanwhile: what both sides now agree on needs nobody."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection as database
from django.utils import timezone

from integrations.changes import origins
from integrations.connections.models import Connection
from integrations.sync.conflicts import last_changes

from .models import Conflict
from .settling import Settling, name_of

AT_ONCE = 1_000


def review(connection: Connection, resource: str) -> None:
    """All open conflicts of a resource. Call it inside a transaction, with the resource's state locked.

    Those that agree end; where ours is again what both last agreed on, theirs is taken, as if only they had changed it.
    """
    rows = Conflict.objects.filter(connection=connection, resource=resource, state=Conflict.State.OPEN).order_by("pk")
    after = None
    while found := list((rows.filter(pk__gt=after) if after else rows).select_for_update(of=("self",))[:AT_ONCE]):
        for target in sorted({one.target for one in found}):
            _review(target, [one for one in found if one.target == target])
        after = found[-1].pk


def _review(target: str, conflicts: Sequence[Conflict]) -> None:
    known = {one.pk: one.record_id for one in conflicts}
    settling = Settling.of(target, conflicts, timezone.now())
    ended: list[Conflict] = []
    changed: list[Conflict] = []
    for one in conflicts:
        if settling.is_over(one):
            ended.append(one)
            continue
        ours, name = settling.ours[one.record_id], name_of(one)
        if ours.value(name) == one.ours and one.record_id == known[one.pk]:
            continue
        taken_back = one.agreed and ours.is_as(name, one.base)
        taken = taken_back and not settling.write_ours(one.record_id, {name: one.theirs})
        if taken or ours.is_as(name, one.theirs):
            settling.agree(one)
            ended.append(one)
        else:
            changed.append(one)
    settling.save()
    for one in ended:
        one.state, one.resolved_at = Conflict.State.MOOT, settling.now
    Conflict.objects.bulk_update(ended, ["state", "resolved_at"], batch_size=AT_ONCE)
    look_again(settling, changed)


def look_again(settling: Settling, changed: Sequence[Conflict]) -> None:
    """Take over what ours says now, and who says so."""
    if not changed:
        return
    by_connection = sorted({one.connection_id for one in changed})
    for connection in by_connection:
        asked = {(one.record_id, one.field) for one in changed if one.connection_id == connection}
        with database.cursor() as cursor:
            last = last_changes(cursor, settling.target, origins.of_connection(connection), asked)
        for one in changed:
            if one.connection_id == connection and (found := last.get((one.record_id, one.field))):
                one.ours_by, one.ours_at = found.by, found.at
    for one in changed:
        one.ours = settling.ours[one.record_id].value(name_of(one))
        one.version, one.updated_at = one.version + 1, settling.now
    fields = ["record_id", "ours", "ours_by", "ours_at", "version", "updated_at"]
    Conflict.objects.bulk_update(changed, fields, batch_size=AT_ONCE)
