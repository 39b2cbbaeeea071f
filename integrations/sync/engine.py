"""Runs one resource of one connection, and decides what a failure means."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from integrations import http, registry, targets
from integrations.connections.models import Connection
from integrations.mapping.compile import MappingError
from integrations.mapping.history import in_force
from integrations.provider import ProviderError, RateLimited, Resource, Temporary

from . import pace, planned, positions
from .batch import Counts, Route
from .models import ResourceState, SyncRun
from .positions import Superseded
from .pull import Cancelled, Fence, Progress, Pull
from .push.sending import Sending
from .words import AGAIN_BY_ITSELF, Words, seconds

MOST_BEGINNINGS = 3


class NotConnected(ProviderError):
    """The connection cannot be used as it is: somebody has to connect it."""


def run_sync(
    connection: Connection,
    resource_name: str,
    *,
    full: bool = False,
    plan_only: bool = False,
    run: SyncRun | None = None,
    work: Fence | None = None,
    progress: Progress | None = None,
) -> SyncRun:
    """Read one resource and apply it; returns the run in the state it ended in.

    Goes on where an interrupted run stopped, unless `full` asks for everything. A plan counts what would happen and keeps
    nothing. With `work` (a job) a vendor's pause or fault is raised, the run left running for the next attempt; without, it
    ends the run as failed. KeyError for an unknown resource. `progress(run)` is called after every batch.
    """
    provider = registry.get(connection.provider)
    resource = provider.resource(resource_name)
    run = _started(connection, resource, run, work, full=full, plan_only=plan_only)
    words = Words.of(connection, provider, resource)
    try:
        _read(run, connection, resource, work=work, progress=progress)
    except Cancelled:
        _finished(run, SyncRun.State.CANCELLED, "", work)  # whoever stopped it has said so on the run
    except (RateLimited, Temporary) as error:
        if work is not None:
            _waiting(run, words, error, work)
            raise
        fail(run, _for_a_person(run, words, error))
    except ProviderError as error:
        fail(run, words.ours(str(error)), work)
    except MappingError as error:
        fail(run, words.ours(f"The mapping cannot be used: {error}"), work)
    return run


def fail(run: SyncRun, message: str, work: Fence | None = None) -> None:
    """End the run as failed, unless a person has stopped it. What was applied stays, and the next run goes on from there."""
    with transaction.atomic():
        if _finished(run, SyncRun.State.FAILED, message, work) and not run.plan_only:
            states = ResourceState.objects.filter(connection_id=run.connection_id, resource=run.resource)
            states.update(last_error=message)
            Connection.objects.filter(pk=run.connection_id).update(last_error=message)


def _read(
    run: SyncRun, connection: Connection, resource: Resource, *, work: Fence | None, progress: Progress | None
) -> None:
    """Read, and where the resource is two-way send afterwards, in the same run: the two never cross."""
    _usable(connection)
    budget = http.LOAD if _reads_everything(run, connection, resource) else http.WORKER
    with http.open_door(connection, resource=resource.name, budget=budget) as door:
        sending = Sending.of(run, connection, resource)
        push = sending.push(work, progress) if sending.wanted else None
        if push:
            push.clear_up(door)
        if not sending.has_read():
            _read_all(door, run, connection, resource, work=work, progress=progress, sends=push is not None)
        if push and run.state == SyncRun.State.RUNNING:
            sending.confirm(push)
            push.send(door)


def _read_all(
    door: http.Door, run: SyncRun, connection: Connection, resource: Resource, *, work: Fence | None,
    progress: Progress | None, sends: bool,
) -> None:  # fmt: skip
    for _ in range(MOST_BEGINNINGS):
        pull = _pull(run, connection, resource, work)
        pull.progress, pull.sends = progress, sends
        try:
            pull.read(door)
            pull.finish()
        except Superseded:
            continue
        return
    raise Temporary("The mapping was changed again and again while it was read")


def _reads_everything(run: SyncRun, connection: Connection, resource: Resource) -> bool:
    """Whether this may become a long read, which leaves a reserve of the account's requests to people and short runs."""
    if run.full or resource.cursor is None:
        return True
    return not ResourceState.objects.filter(connection=connection, resource=resource.name).exclude(cursor="").exists()


def _pull(run: SyncRun, connection: Connection, resource: Resource, work: Fence | None) -> Pull:
    """The mapping and the place are taken in one moment: a mapping that is changed later begins the read anew."""
    with transaction.atomic():
        if work is not None:
            work.fence()
        state = positions.state_of(connection, resource.name)
        mapping = in_force(connection, resource)
        planned.begin(run, connection, state)
        if run.plan_only:
            Counts().put_on(run)  # a plan keeps no place: it counts from the beginning again
            position = positions.fresh(state, resource, mapping.fingerprint, full=run.full)
        else:
            back = timedelta(days=run.back_days)
            position = positions.begin(state, resource, mapping.fingerprint, full=run.full, back=back)
        if run.full != (position.since is None):
            run.full = position.since is None
            run.save(update_fields=["full"])
        plan = planned.opened(run, connection, state, position)
    route = Route(connection=connection, resource=resource, target=targets.get(resource.target), mapping=mapping)
    return Pull(route=route, run=run, state=state, position=position, work=work, plan=plan)


def _started(
    connection: Connection, resource: Resource, run: SyncRun | None, work: Fence | None, *, full: bool, plan_only: bool
) -> SyncRun:
    now = timezone.now()
    if run is None:
        return SyncRun.objects.create(
            connection=connection,
            resource=resource.name,
            state=SyncRun.State.RUNNING,
            trigger=SyncRun.Trigger.COMMAND,
            full=full,
            plan_only=plan_only,
            started_at=now,
            progress_at=now,
        )
    run.full, run.plan_only = run.full or full, run.plan_only or plan_only
    run.state, run.message, run.resumes_at = SyncRun.State.RUNNING, "", None
    run.started_at, run.progress_at = run.started_at or now, now
    with transaction.atomic():
        if work is not None:
            work.fence()
        # Stopped by a person in this very moment: that stays.
        waiting = SyncRun.objects.filter(pk=run.pk).exclude(state=SyncRun.State.CANCELLED)
        fields = ("state", "message", "started_at", "progress_at", "full", "plan_only", "resumes_at")
        waiting.update(**{name: getattr(run, name) for name in fields})
    return run


def _usable(connection: Connection) -> None:
    connection.refresh_from_db(fields=["status"])
    name, provider = connection.name, registry.get(connection.provider)
    if connection.status == Connection.Status.EXPIRED:
        raise NotConnected(f"{provider.name} no longer accepts the sign-in: reconnect the connection '{name}'")
    if connection.status == Connection.Status.DISCONNECTED:
        raise NotConnected(f"The connection '{name}' to {provider.name} is disconnected: connect it again")


def _waiting(run: SyncRun, words: Words, error: RateLimited | Temporary, work: Fence) -> None:
    message, run.resumes_at = words.ours(str(error)), None
    if isinstance(error, RateLimited):
        run.resumes_at = pace.resumes_at(error.retry_after)
        when = f"at {pace.clock(run.resumes_at)}" if run.resumes_at else f"in {seconds(error.retry_after)}"
        message = f"{message} {run.fetched:,} read; it goes on {when}, where it stopped."
    elif AGAIN_BY_ITSELF not in message:
        message = f"{message} {AGAIN_BY_ITSELF}"
    run.message = message
    with transaction.atomic():
        work.fence()
        SyncRun.objects.filter(pk=run.pk).update(
            message=message, progress_at=timezone.now(), resumes_at=run.resumes_at, pages=run.pages
        )


def _for_a_person(run: SyncRun, words: Words, error: RateLimited | Temporary) -> str:
    when = "later"
    if isinstance(error, RateLimited):
        moment = pace.resumes_at(error.retry_after)
        when = f"after {pace.clock(moment)}" if moment else f"in {seconds(error.retry_after)}"
    why = words.ours(str(error)).replace(AGAIN_BY_ITSELF, "").rstrip()
    return f"{why} {run.fetched:,} read so far. Run it again {when}: it goes on where it stopped."


def _finished(run: SyncRun, state: str, message: str, work: Fence | None) -> bool:
    """False where a person has stopped the run: it stays as that left it."""
    with transaction.atomic():
        if work is not None:
            work.complete()
        going_on = SyncRun.objects.select_for_update(no_key=True).filter(pk=run.pk)
        if ended := going_on.exclude(state=SyncRun.State.CANCELLED).exists():
            run.state, run.message, run.finished_at = state, message, timezone.now()
            run.save(update_fields=["state", "message", "finished_at"])
    run.refresh_from_db(fields=["state", "message", "finished_at"])
    return ended
