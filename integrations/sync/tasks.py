"""The job that reads one resource: `sync.run`, one at a time per connection and resource."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from integrations import hub, registry
from integrations.connections.models import Connection
from integrations.hub.jobs import Fail, LeaseLost, Retry, Work, job
from integrations.provider import RateLimited, Temporary

from . import services, undo
from .engine import fail, run_sync
from .models import SyncRun
from .pull import TurnOver
from .push import wishes
from .words import AGAIN_BY_ITSELF

MAX_ATTEMPTS = 8
# In seconds; whoever ends the parent's run wakes its children, so this is only for a parent that nobody ended.
PARENT_PAUSE = 60
UNDO_PAUSE = 3


def given_up(payload: dict[str, Any], reason: str) -> None:
    """Nobody goes on with the runs of a job that was given up: they end, and say why."""
    for found in services.unattended(payload["connection"], payload["resource"]):
        why = found.message.replace(AGAIN_BY_ITSELF, "").rstrip() or reason
        fail(found, f"{why} Given up: run it again when it is mended.")
        services.wake_children(found.connection, found.resource)


@job(services.KIND, max_attempts=MAX_ATTEMPTS, lease=60, given_up=given_up)
def run(work: Work) -> None:
    """Payload: {"connection": id, "resource": name}. A vendor's pause is waited out, its faults are tried again; what needs
    a person ends the run and the job. Some jobs only look whether there is something to send (`push.wishes`)."""
    connection = Connection.objects.filter(pk=work.payload["connection"]).first()
    if connection is None:
        return
    name = work.payload["resource"]
    looks = wishes.resource_of(name)
    try:
        if looks:
            wishes.look(connection, looks)
            return
        resource = registry.get(connection.provider).resource(name)
    except LookupError as error:
        raise Fail(f"{connection.provider} has no resource '{name}' any more.") from error
    with transaction.atomic():
        work.fence()  # a worker that slept through its lease must not begin a run that nobody would go on with
        found = services.next_run(connection, resource, work.id)
    if found is None:
        return
    if parent := services.waits_for(found, resource):
        raise Retry(PARENT_PAUSE, f"{name} {services.WAITS_FOR_ITS_PARENT} {parent.resource} has been read.")
    if undo.under_way(connection, name):
        raise Retry(UNDO_PAUSE, f"{name} waits until an undo has ended.")
    _attempt(connection, found, work)
    services.wake_children(connection, name)


def _attempt(connection: Connection, found: SyncRun, work: Work) -> None:
    try:
        run_sync(connection, found.resource, run=found, work=work)
    except (LeaseLost, hub.ChapterUnavailable, Temporary):
        raise
    except TurnOver:
        raise Retry(0, "Makes room for others; it goes on where it stopped.") from None
    except RateLimited as pause:
        raise Retry(pause.retry_after, found.message) from pause
    except Exception as error:
        sentence = f"An error of ours: {type(error).__name__}. {AGAIN_BY_ITSELF}"
        SyncRun.objects.filter(pk=found.pk, state=SyncRun.State.RUNNING).update(message=sentence)
        raise
