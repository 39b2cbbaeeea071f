"""From the change feed to events: what changed since last time, batch by batch, with the place in the same transaction.

A transaction is one event per record and meaning, however often it wrote the record; only one of more than AT_ONCE changes may
be told in parts. The record is told as it is when it is read; one that is gone by then is not told.
"""

from __future__ import annotations

from typing import Any, Protocol
from uuid import UUID

from django.db import transaction

from integrations.changes import feed
from integrations.changes.feed import Entry
from integrations.changes.models import ChangeSet

from . import catalogue, events, told
from .catalogue import EventType, Told
from .events import News
from .told import Story

CONSUMER = "outbound"
AT_ONCE = 2_000


class Fence(Protocol):
    def fence(self) -> None: ...


def begin() -> None:
    """From here on changes are told: somebody asks for the first time, or again after nobody did."""
    feed.moved(CONSUMER, feed.now())


def follow(work: Fence | None = None) -> bool:
    """Turn the next changes into events. True while more can be read."""
    with transaction.atomic():
        if work is not None:
            work.fence()
        asked = {pattern for endpoint in events.interested() for pattern in endpoint.events}
        meaning: dict[str, list[EventType]] = {}
        for one in catalogue.wanted(asked):
            if one.meaning is not None:
                meaning.setdefault(one.target, []).append(one)
        final = feed.now()
        if not meaning:
            feed.moved(CONSUMER, max(final, feed.position_of(CONSUMER)))
            return False
        found = feed.read(feed.position_of(CONSUMER), limit=AT_ONCE)
        more = len(found) == AT_ONCE
        entries = _whole(found) if more else found
        events.publish(_news(told.stories(entries, meaning), meaning))
        if entries:
            feed.moved(CONSUMER, entries[-1].position)
        return more


def unread() -> bool:
    """Whether something was committed that could not be read yet, because an older transaction still runs."""
    return ChangeSet.objects.filter(xid__gt=feed.position_of(CONSUMER).xid).exists()


def _whole(entries: list[Entry]) -> list[Entry]:
    """Without the last transaction, which may go on behind them; unless there is no other."""
    last = entries[-1].position.xid
    return [entry for entry in entries if entry.position.xid != last] or entries


def _news(stories: list[Story], meaning: dict[str, list[EventType]]) -> list[News]:
    present = told.as_they_are(stories)
    merged = told.merged_into(stories)
    who = told.who(stories)
    since = _since(stories)
    found = []
    for story, later in zip(stories, since, strict=True):
        if story.gone or (story.target.name, story.id) not in present:
            continue
        version, record = present[story.target.name, story.id]
        one = Told(
            id=story.id,
            target=story.target.name,
            made=story.made,
            before=story.before,
            after=story.after,
            record=record,
            since=later,
            merged=merged.get((story.origin, story.id)),
        )
        data = _data(story, version, record, who[story.origin])
        found += [
            News(type=kind.name, data={**data, **more}, at=story.first.at)
            for kind in meaning[story.target.name]
            if kind.meaning and (more := kind.meaning(one)) is not None
        ]
    return found


def _since(stories: list[Story]) -> list[dict[str, Any]]:
    """For each, what the columns were that later ones of the same record have changed."""
    later: dict[tuple[str, UUID], dict[str, Any]] = {}
    found = []
    for story in reversed(stories):
        key = (story.target.name, story.id)
        found.append(later.get(key, {}))
        later[key] = {**later.get(key, {}), **story.before}
    return found[::-1]


def _data(story: Story, version: int, record: dict[str, Any], who: str) -> dict[str, Any]:
    return {
        "id": str(story.id),
        "target": story.target.name,
        "schema": story.target.canonical.URN,
        "version": version,
        "record": record,
        "changed": story.changed,
        "origin": who,
    }
