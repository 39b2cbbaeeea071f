"""Events acted on once more: one, all that failed, or all since a moment."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from integrations.connections.models import Connection
from integrations.hub.jobs import enqueue, inbox

from .models import InboundEvent

State = InboundEvent.State


@dataclass(frozen=True, kw_only=True)
class Which:
    """Of a connection's events that are over: these, those since a moment, or those that failed. A name that says nothing
    does not narrow; without any it is those that failed."""

    ids: Collection[UUID] | None = None
    since: datetime | None = None

    def rows(self, connection: Connection) -> QuerySet[InboundEvent]:
        """An event nobody here acts on has nothing to be done again."""
        over = InboundEvent.objects.filter(~Q(state=State.WAITING), ~Q(resource=""), connection=connection)
        if self.ids is not None:
            over = over.filter(pk__in=self.ids)
        if self.since is not None:
            over = over.filter(received_at__gte=self.since)
        return over.filter(state=State.FAILED) if self.ids is None and self.since is None else over


def replay(connection: Connection, which: Which) -> int:
    """Have them acted on again, as what they are about is now; returns how many."""
    with transaction.atomic():
        again = which.rows(connection).update(
            state=State.WAITING, next_try_at=timezone.now(), attempts=0, done_at=None, note="", run=None
        )
        if again:
            enqueue(
                inbox.DRAIN, key=str(connection.pk), payload={"connection": str(connection.pk)}, priority=inbox.PRIORITY
            )
    return again
