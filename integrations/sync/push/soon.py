"""Whoever sends what has changed looks soon: at the end of a run, and once after a transaction in which rows were saved.

A save costs its transaction no query. What is not noticed here, because a process died in this moment or thinks for a minute
longer that nobody sends anything, the look of every minute finds.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.db import transaction

from integrations import registry, targets
from integrations.connections.models import Connection
from integrations.hub import tenancy
from integrations.hub.jobs import enqueue
from integrations.hub.models import Chapter
from integrations.sync import services
from integrations.sync.models import ResourceState
from integrations.sync.schedules import LOOKS

# How long a process believes that nobody in a chapter sends anything; no longer than what is sent waits anyway.
BELIEVED_SECONDS = 60.0


def look_soon(changed: Collection[str], *, but_not: Connection) -> None:
    """Records of these targets have changed: whoever sends them looks as soon as this is committed."""
    _ask(_sending().exclude(connection=but_not), changed)


def saved(sender: type[Any], **_: Any) -> None:
    """Somebody saved one row, in the admin or elsewhere."""
    changed = {target.name for target in targets.all_targets().values() if target.model is sender}
    chapter = tenancy.current() if changed else None
    if chapter is None or _silence.holds(chapter.pk):
        return
    # Django drops a look that is to follow only with a savepoint that encloses what it was registered for.
    for _savepoints, look, _robust in database.run_on_commit:
        if isinstance(look, _Look) and look.chapter == chapter:
            look.changed |= changed
            return
    transaction.on_commit(_Look(chapter, changed), robust=True)


def somebody_sends() -> None:
    """In the chapter this is inside, from now on."""
    _silence.ends(tenancy.inside().pk)


class _Look:
    """What follows the commit of a transaction in which rows of these targets were saved."""

    def __init__(self, chapter: Chapter, changed: set[str]) -> None:
        self.chapter, self.changed = chapter, changed
        self.__qualname__ = type(self).__qualname__  # Django names it so in the log where it fails

    def __call__(self) -> None:
        if tenancy.current() != self.chapter:
            return
        sending = list(_sending())
        if not sending:
            _silence.begins(self.chapter.pk)
        _ask(sending, self.changed)


class _Silence:
    """Chapters in which nobody sends anything, and until when that is believed."""

    def __init__(self) -> None:
        self.until: dict[UUID, float] = {}

    def holds(self, chapter: UUID) -> bool:
        return time.monotonic() < self.until.get(chapter, 0.0)

    def begins(self, chapter: UUID) -> None:
        self.until[chapter] = time.monotonic() + BELIEVED_SECONDS

    def ends(self, chapter: UUID) -> None:
        self.until.pop(chapter, None)


_silence = _Silence()


def _sending() -> Any:
    states = ResourceState.objects.filter(sends=True, connection__status=Connection.Status.CONNECTED)
    return states.select_related("connection")


def _ask(sending: Iterable[ResourceState], changed: Collection[str]) -> None:
    for state in sending:
        if _target_of(state) in changed:
            name = state.resource + LOOKS
            payload = {"connection": str(state.connection_id), "resource": name}
            enqueue(services.KIND, key=f"{state.connection_id}:{name}", payload=payload)


def _target_of(state: ResourceState) -> str:
    try:
        return registry.get(state.connection.provider).resource(state.resource).target
    except LookupError:
        return ""
