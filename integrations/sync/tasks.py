"""The job that reads one resource: `sync.run`, one at a time per connection and resource."""

from __future__ import annotations

from integrations import registry
from integrations.connections.models import Connection
from integrations.hub.jobs import Fail, LeaseLost, Retry, Work, job
from integrations.provider import RateLimited, Temporary

from . import services
from .engine import fail, run_sync
from .models import SyncRun

MAX_ATTEMPTS = 8
PARENT_PAUSE = 3  # seconds


@job(services.KIND, max_attempts=MAX_ATTEMPTS, lease=60)
def run(work: Work) -> None:
    """Payload: {"connection": id, "resource": name}. A vendor's pause is waited out, its faults are tried again; what needs
    a person ends the run and the job."""
    connection = Connection.objects.filter(pk=work.payload["connection"]).first()
    if connection is None:
        return
    name = work.payload["resource"]
    try:
        resource = registry.get(connection.provider).resource(name)
    except LookupError as error:
        raise Fail(f"{connection.provider} has no resource '{name}' any more.") from error
    found = services.next_run(connection, resource)
    if found is None:
        return
    if parent := services.waits_for(found, resource):
        raise Retry(PARENT_PAUSE, f"{name} waits until {parent.resource} has been read.")
    _attempt(connection, found, work)


def _attempt(connection: Connection, found: SyncRun, work: Work) -> None:
    found.job_id = work.id
    SyncRun.objects.filter(pk=found.pk).update(job_id=work.id)
    try:
        run_sync(connection, found.resource, run=found, work=work)
    except LeaseLost:
        raise
    except RateLimited as pause:
        raise Retry(pause.retry_after, found.message) from pause
    except Exception as error:
        if work.attempt >= MAX_ATTEMPTS:
            sentence = found.message if isinstance(error, Temporary) else f"An error of ours: {type(error).__name__}."
            fail(found, f"{sentence} Given up after {work.attempt} attempts; run it again when it is mended.")
        raise
