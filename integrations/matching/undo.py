"""A merge undone: every row, part, reference and link as it was, from the change feed's before-images. What has moved on since
stays as it is now, and is listed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import IntegrityError, connection
from django.utils import timezone
from psycopg.types.json import Jsonb

from integrations import shown, targets
from integrations.changes import origins
from integrations.changes.models import Change
from integrations.changes.revert import Moved, revert
from integrations.conflicts.models import Conflict
from integrations.sync.models import RecordLink

from .merging import NotMergeable
from .models import Merge

KEPT_FOR = timedelta(days=90)

_BASES = """
UPDATE integrations_recordlink SET base = base || jsonb_build_object(%s, %s::text)
WHERE id = ANY(%s::uuid[]) AND base ->> %s = %s
"""
# A link whose record changed there since is read anew: with the old base and no hash the next complete read applies it.
_LINKS = """
WITH moved AS (SELECT * FROM jsonb_to_recordset(%s) AS m (id uuid, base jsonb, content_hash text))
UPDATE integrations_recordlink l
SET record_id = %s, base = m.base, content_hash = CASE WHEN l.content_hash = m.content_hash THEN l.content_hash ELSE '' END
FROM moved m WHERE l.id = m.id AND l.record_id = %s RETURNING l.id::text, l.content_hash = ''
"""


class Undone(NamedTuple):
    """`moved_on`: what was not put back, a sentence each."""

    merge: Merge
    moved_on: list[str]


def undoable(merge: Merge) -> bool:
    return merge.undone_at is None and merge.created_at > timezone.now() - KEPT_FOR


def undo(merge: Merge, *, user: Any = None) -> Undone:
    """Put back what the merge changed, in one transaction under its own origin. Raises NotMergeable when it is too late, and
    has then changed nothing. A fixed number of statements per table that the merge wrote."""
    try:
        with origins.by(f"merge:{merge.pk}"):
            locked = Merge.objects.select_for_update().get(pk=merge.pk)
            if not undoable(locked):
                raise NotMergeable("It was undone already, or is older than 90 days.")
            moved_on = _undo(locked)
            locked.undone_at, locked.undone_by = timezone.now(), user
            locked.save(update_fields=["undone_at", "undone_by"])
    except IntegrityError as error:
        raise NotMergeable(
            "It cannot be undone as it is: something that must be unique is used by another record."
        ) from error
    return Undone(locked, moved_on)


def _undo(merge: Merge) -> list[str]:
    if merge.changeset is None or not Change.objects.filter(changeset_id=merge.changeset).exists():
        raise NotMergeable("What was there before is no longer kept.")
    done = revert([merge.changeset], row_by_row=True, without_taken=True, all_or_nothing=True)
    with connection.cursor() as cursor:
        links = _links_back(cursor, merge)
        for rewritten in merge.bases:
            kept, merged = str(merge.kept_id), str(merge.merged_id)
            cursor.execute(_BASES, [rewritten["field"], merged, rewritten["links"], rewritten["field"], kept])
    return [*_sentences(done.moved), *links]


def _sentences(moved: Sequence[Moved]) -> list[str]:
    rows = shown.objects((targets.get(one.target).model, str(one.record_id)) for one in moved)
    said: list[str] = []
    for one in moved:
        target = targets.get(one.target)
        name = shown.name_of(rows.get((target.model, str(one.record_id))))
        record = ", ".join(filter(None, (f"{target.label} {name}".strip(), shown.label(one.part).lower())))
        labels = [shown.label_of(target, column.removesuffix("_id")).lower() for column in one.fields]
        said += {
            "changed": [f"{record}: {label} has changed since." for label in labels],
            "taken": [f"{record}: the {label} {one.what} is used by another record now." for label in labels],
            "gone": [f"{record}: a record that was changed is no longer there."],
            "there": [f"{record}: a record that was merged away is there again already, and stays as it is."],
        }[one.why]
    return said


def _links_back(cursor: Any, merge: Merge) -> list[str]:
    if not merge.links:
        return []
    cursor.execute(_LINKS, [Jsonb(merge.links), merge.merged_id, merge.kept_id])
    back = dict(cursor.fetchall())
    Conflict.objects.filter(link__in=list(back)).update(record_id=merge.merged_id)
    missing = [UUID(one["id"]) for one in merge.links if one["id"] not in back]
    changed = [UUID(link) for link, anew in back.items() if anew]
    names = {
        link.pk: f"{link.connection.name}, {link.resource} {link.external_id}"
        for link in RecordLink.objects.filter(pk__in=[*missing, *changed]).select_related("connection").defer("base")
    }
    return [
        *(f"Link {names[pk]}: it belongs to another record now." for pk in missing if pk in names),
        *(f"Link {names[pk]}: it has changed there since; a complete sync brings that." for pk in changed),
        *("A link is no longer there." for pk in missing if pk not in names),
    ]
