"""What was delivered for several chapters at once: each chapter gets its own events, by the remote account they are of."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from integrations import hub
from integrations.hub.jobs import Work, enqueue, inbox
from integrations.hub.models import AccountRoute, Chapter, InboxDelivery

from . import refusals, settling, taking
from .events import Event
from .taking import Unread

# (when it was received, its events) of one connection
Share = list[tuple[datetime, list[Event]]]


def spread(slug: str, work: Work) -> None:
    """Everything in the inbox that names no chapter, batch by batch. Done again after a crash it changes nothing more."""
    settling.settle_apps(slug, work)
    while True:
        rows = list(_waiting(slug).order_by("id")[: taking.BATCH])
        if not rows:
            return
        found = taking.read(slug, rows)
        events = {row: several for row, several in found.items() if not isinstance(several, Unread)}
        for chapter, connections in _shares(slug, events).items():
            _hand_over(chapter, connections, work)
        with transaction.atomic():
            work.fence()
            taking.gone(events)
            for row, why in found.items():
                if isinstance(why, Unread):
                    InboxDelivery.objects.filter(pk=row.pk).update(problem=why.why)


def _waiting(slug: str) -> QuerySet[InboxDelivery]:
    return InboxDelivery.objects.filter(provider=slug, chapter=None, verified=True, problem="")


def _shares(slug: str, found: dict[InboxDelivery, list[Event]]) -> dict[UUID, dict[UUID, Share]]:
    """Chapter -> connection -> what is its own. Two connections to one account each have it; what is nobody's is counted."""
    accounts = {event.account for events in found.values() for event in events if event.account}
    routes: dict[str, list[tuple[UUID, UUID]]] = defaultdict(list)
    known = AccountRoute.objects.filter(provider=slug, account_id__in=accounts, chapter__status=Chapter.Status.ACTIVE)
    for account, chapter, connection in known.values_list("account_id", "chapter_id", "connection_id"):
        routes[account].append((chapter, connection))
    shares: dict[UUID, dict[UUID, Share]] = defaultdict(lambda: defaultdict(list))
    nobodys = 0
    for row, events in found.items():
        own: dict[tuple[UUID, UUID], list[Event]] = defaultdict(list)
        for event in events:
            for place in routes.get(event.account, ()):
                own[place].append(event)
            nobodys += event.account not in routes
        for (chapter, connection), several in own.items():
            shares[chapter][connection].append((row.received_at, several))
    if nobodys:
        refusals.write({slug: nobodys})
    return shares


def _hand_over(chapter_id: UUID, connections: dict[UUID, Share], work: Work) -> None:
    """A chapter that is suspended in this moment gets nothing: its connections read what changed when it is back."""
    try:
        with hub.enter(chapter_id), transaction.atomic():
            work.fence()
            for connection, share in connections.items():
                taking.put(connection, share)
                enqueue(
                    inbox.DRAIN, key=str(connection), payload={"connection": str(connection)}, priority=inbox.PRIORITY
                )
    except hub.ChapterUnavailable:
        return
