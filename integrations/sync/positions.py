"""How far a read has come, kept on the resource's state in the transaction that kept its records."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.utils import timezone

from integrations.connections.models import Connection
from integrations.provider import FullComparison, Resource

from .models import ResourceState, SeenKey, SyncRun

# A vendor's page tokens do not live for ever, and an old read says little about what is there now.
LONGEST_PAUSE = timedelta(hours=24)
# After this long a page number is not trusted unseen.
LIST_MAY_MOVE = timedelta(minutes=10)
FULL_COMPARISON_EVERY = timedelta(days=1)


class Superseded(Exception):
    """Somebody began this resource anew while it was being read (a changed mapping, another run)."""


@dataclass(frozen=True, kw_only=True)
class Position:
    """A read under way, with one mapping. `since` None: everything is read. `newest` is the newest cursor value seen, `count`
    how many records were shown of the `total` the vendor named, `doubtful` that some may have been missed, `undated` how many
    fields were taken for want of times. `place` is the reader's own; `old`: it was kept for so long that a list may have moved
    under it."""

    read: str
    mapping: str
    began: datetime
    since: datetime | None
    newest: datetime | None
    count: int = 0
    total: int | None = None
    doubtful: bool = False
    undated: int = 0
    place: dict[str, Any] = field(default_factory=dict)
    old: bool = False

    @property
    def short(self) -> bool:
        """Fewer records were shown than the vendor says there are."""
        return self.total is not None and self.count < self.total

    @property
    def resumed(self) -> bool:
        return bool(self.place)

    def stored(self) -> dict[str, Any]:
        found = dataclasses.asdict(self) | {"kept": timezone.now()}
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in found.items()}


NOT_BACK = timedelta(0)


def begin(
    state: ResourceState, resource: Resource, mapping: str, *, full: bool, back: timedelta = NOT_BACK
) -> Position:
    """The unfinished read with this mapping (its fingerprint), or a new one, from so long before the cursor. Call it with the
    state locked."""
    position = _unfinished(state)
    if position is not None and position.mapping == mapping and _shows(position, state, full=full, back=back):
        return position
    return anew(state, resource, mapping, full=full, back=back)


def _shows(position: Position, state: ResourceState, *, full: bool, back: timedelta) -> bool:
    """Whether the unfinished read shows all that is wanted now."""
    if position.since is None:
        return True
    if full:
        return False
    return not back or (bool(state.cursor) and position.since <= datetime.fromisoformat(state.cursor) - back)


def anew(state: ResourceState, resource: Resource, mapping: str, *, full: bool, back: timedelta = NOT_BACK) -> Position:
    """A read from the first page. Call it with the state locked."""
    position = fresh(state, resource, mapping, full=full, back=back)
    SeenKey.objects.filter(state=state).delete()
    state.position = position.stored()
    state.save(update_fields=["position"])
    return position


def fresh(
    state: ResourceState, resource: Resource, mapping: str, *, full: bool, back: timedelta = NOT_BACK
) -> Position:
    """A read from the first page, of which nothing is kept (a plan). Everything is read where a new mapping may say something
    else of records that did not change."""
    everything = full or not resource.cursor or not state.cursor or state.mapping != mapping
    newest = None if everything or _comparison_is_due(state, resource) else datetime.fromisoformat(state.cursor)
    since = newest and newest - back
    return Position(read=uuid4().hex, mapping=mapping, began=timezone.now(), since=since, newest=newest)


def forget(state: ResourceState) -> None:
    """The unfinished read is not gone on with; one under way notices. Call it with the state locked."""
    state.position = None
    state.save(update_fields=["position"])


def state_of(connection: Connection, resource: str) -> ResourceState:
    """The resource's state, made where it is not there, and locked: of two who ask at once the second sees what the first
    did."""
    ResourceState.objects.get_or_create(connection=connection, resource=resource)
    return ResourceState.objects.select_for_update(no_key=True).get(connection=connection, resource=resource)


def locked(state: ResourceState) -> ResourceState:
    return ResourceState.objects.select_for_update(no_key=True).get(pk=state.pk)


def confirm(state: ResourceState, position: Position) -> None:
    """Raises Superseded unless the locked state still belongs to this read."""
    if not isinstance(state.position, dict) or state.position.get("read") != position.read:
        raise Superseded


def _unfinished(state: ResourceState) -> Position | None:
    """None too for one that another version of this code has written: that read is begun anew."""
    if state.position is None:
        return None
    try:
        stored = dict(state.position)
        kept = datetime.fromisoformat(stored.pop("kept"))
        moments = {name: stored[name] and datetime.fromisoformat(stored[name]) for name in ("began", "since", "newest")}
        paused = timezone.now() - kept
        return None if paused > LONGEST_PAUSE else Position(**(stored | moments | {"old": paused > LIST_MAY_MOVE}))
    except (KeyError, TypeError, ValueError):
        return None


def _comparison_is_due(state: ResourceState, resource: Resource) -> bool:
    """What only a complete read shows must be read completely now and then. One whose deletes wait for a person counts."""
    if not isinstance(resource.deletes, FullComparison):
        return False
    lately = timezone.now() - FULL_COMPARISON_EVERY
    complete = SyncRun.objects.filter(
        connection_id=state.connection_id,
        resource=state.resource,
        full=True,
        plan_only=False,
        state__in=(SyncRun.State.SUCCEEDED, SyncRun.State.PARTIAL, SyncRun.State.PLANNED),
        finished_at__gt=lately,
    )
    return not complete.exists()
