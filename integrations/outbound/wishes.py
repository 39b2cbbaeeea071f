"""Jobs of outbound webhooks, and when each is wished for.

`outbound.look` turns changes into events, one at a time per chapter. `outbound.send` sends what is due to one endpoint, and
`outbound.probe` asks all that rest, together: however many of them do not answer, they hold one worker of the chapter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from integrations.hub import tenancy
from integrations.hub.jobs import enqueue

from .models import Endpoint

LOOK, SEND, PROBE, UPKEEP = "outbound.look", "outbound.send", "outbound.probe", "outbound.upkeep"
PRIORITY = 4


@dataclass(frozen=True)
class _Look:
    schema: str

    def __call__(self) -> None:
        if connection.schema_name == self.schema:
            look()


def look_soon() -> None:
    """Somebody has changed something: look as soon as it is committed.

    Not before, and not in that transaction: whoever changes something next in this chapter would have to wait for its end. Is
    the wish lost, the minute's look finds the change.
    """
    if tenancy.current() is None or any(isinstance(then, _Look) for _, then, _ in connection.run_on_commit):
        return
    transaction.on_commit(_Look(connection.schema_name), robust=True)


def look(after: timedelta = timedelta(0)) -> None:
    """Wish for a look, where there is anybody to tell."""
    if Endpoint.objects.exists():
        enqueue(LOOK, priority=PRIORITY, run_at=timezone.now() + after if after else None)


def send(endpoint: Endpoint, at: datetime | None = None) -> None:
    """Have what is due sent: now, or then. One that rests is asked when it has rested."""
    if endpoint.rests_until is None:
        enqueue(SEND, key=str(endpoint.pk), priority=PRIORITY, run_at=at)
    else:
        enqueue(PROBE, priority=PRIORITY, run_at=max(endpoint.rests_until, at or endpoint.rests_until))
