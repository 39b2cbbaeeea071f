"""The jobs: `outbound.look`, `outbound.send`, `outbound.probe`, `outbound.upkeep`. See `wishes`."""

from __future__ import annotations

import time
from datetime import timedelta

from django.db.models import Min
from django.utils import timezone

from integrations.hub.jobs import Work, job
from integrations.hub.jobs.regular import regular

from . import changes, outcomes, sending, upkeep, wishes
from .models import Delivery, Endpoint

TURN_SECONDS = 10.0
UNREAD_AGAIN = timedelta(seconds=1)
# What is due for so long has no job any more: it was given up, or a wish was lost.
FORGOTTEN = timedelta(minutes=2)


@regular(wishes.LOOK, every=timedelta(minutes=1))
@job(wishes.LOOK)
def look(work: Work) -> None:
    """Changes become events. Every minute in any case, so that what nobody announced is found, and no sending is forgotten."""
    if not Endpoint.objects.exists():
        return
    ends = time.monotonic() + TURN_SECONDS
    more = True
    while more and time.monotonic() < ends:
        more = changes.follow(work)
    if more:
        wishes.look()
    elif changes.unread():
        wishes.look(UNREAD_AGAIN)
    wake()


@job(wishes.SEND)
def send(work: Work) -> None:
    """To the endpoint that is the job's key."""
    endpoint = Endpoint.objects.filter(pk=work.key).first()
    if endpoint is None:
        return
    _go_on(sending.send(endpoint, work))


@job(wishes.PROBE)
def probe(work: Work) -> None:
    sending.probe(work)
    for endpoint in Endpoint.objects.filter(enabled=True).exclude(rests_until=None).order_by("rests_until"):
        if at := outcomes.next_due(endpoint):
            wishes.send(endpoint, at)
    wake(timedelta(0))


@regular(wishes.UPKEEP, every=timedelta(hours=1))
@job(wishes.UPKEEP, max_attempts=3)
def forget(work: Work) -> None:
    upkeep.prune()


def wake(overdue: timedelta = FORGOTTEN) -> None:
    """Have sent what has been due for so long at endpoints that do not rest."""
    due = Delivery.objects.filter(state=Delivery.State.WAITING, endpoint__enabled=True)
    oldest = due.values("endpoint").annotate(at=Min("next_at")).filter(at__lte=timezone.now() - overdue)
    for endpoint in Endpoint.objects.filter(pk__in=oldest.values("endpoint")):
        wishes.send(endpoint)


def _go_on(endpoint: Endpoint) -> None:
    """The next job, when something is next due; at once where the turn was over."""
    if endpoint.enabled and (at := outcomes.next_due(endpoint)):
        wishes.send(endpoint, at)
