"""What pages, the API, the schedule and other slices may ask of syncing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from integrations import hub, registry
from integrations.connections.models import Connection
from integrations.hub.jobs import enqueue
from integrations.hub.jobs.schedule import forget_due, set_due
from integrations.hub.models import Job
from integrations.provider import Field, Provider, Resource

from . import positions
from .models import ResourceState, SyncRun

KIND = "sync.run"
UNFINISHED = (SyncRun.State.QUEUED, SyncRun.State.RUNNING)
# A person or a partner waits for it; a schedule does not.
PRIORITIES: dict[str, int] = {SyncRun.Trigger.PERSON: 3, SyncRun.Trigger.API: 3}
# A run of the command line has no job; silent for this long, its process is gone.
SILENCE = timedelta(minutes=15)
LOST = "The worker was lost. What was read is kept, and the next run goes on from there."


def request_sync(
    connection: Connection,
    resource: str | None = None,
    *,
    full: bool = False,
    trigger: str = SyncRun.Trigger.PERSON,
    user: Any = None,
    approved: bool = False,
) -> list[SyncRun]:
    """Queue a run of one resource, or of all that are switched on; returns the runs in the order of their references.

    A resource whose run is queued or running is not doubled: that run is returned. KeyError for an unknown resource.
    """
    provider = registry.get(connection.provider)
    with transaction.atomic():
        wanted = [provider.resource(resource)] if resource else switched_on(connection, provider)
        return [
            _requested(
                connection,
                one,
                full=full,
                trigger=SyncRun.Trigger(trigger),
                triggered_by=user,
                approved=approved,
            )
            for one in wanted
        ]


def approve(run: SyncRun, *, user: Any = None) -> SyncRun:
    """Carry out what waits for a person, deletes beyond the brake included; returns the queued run. What is being read
    meanwhile was not allowed that: it stops, and the queued run takes its place."""
    with transaction.atomic():
        positions.state_of(run.connection, run.resource)
        run.refresh_from_db()
        if run.state == SyncRun.State.PLANNED:
            for unfinished in _unfinished(run.connection, run.resource):
                cancel(unfinished)
            run.state, run.message = SyncRun.State.SUCCEEDED, f"{run.message} Approved."
            run.save(update_fields=["state", "message"])
        return request_sync(run.connection, run.resource, full=run.full, user=user, approved=True)[0]


def cancel(run: SyncRun) -> None:
    """Stop a run: at once if it waits, after the batch it is writing if it works. A run that is over stays as it is."""
    with transaction.atomic():
        found = SyncRun.objects.select_for_update().filter(pk=run.pk, state__in=UNFINISHED).first()
        if found is None:
            return
        found.state, found.finished_at = SyncRun.State.CANCELLED, timezone.now()
        found.message = "Stopped by a person; what was read is kept."
        found.save(update_fields=["state", "finished_at", "message"])
        _jobs(found).filter(state=Job.State.READY).delete()
    run.refresh_from_db()


def stop(connection: Connection) -> None:
    """Nothing of a connection is read any more until it is connected again: what runs stops, and nothing is due."""
    forget_due(connection.pk)
    cancel_all(connection)


def cancel_all(connection: Connection) -> None:
    for run in SyncRun.objects.filter(connection=connection, state__in=UNFINISHED):
        cancel(run)


def begin(connection: Connection) -> list[SyncRun]:
    """Set a connection going that was just connected: every resource on schedule, old errors forgotten, a first run queued."""
    provider = registry.get(connection.provider)
    now = timezone.now()
    for resource in provider.resources:
        ResourceState.objects.get_or_create(connection=connection, resource=resource.name)
    for state in ResourceState.objects.filter(connection=connection, enabled=True):
        if state.resource in {resource.name for resource in provider.resources}:
            every = provider.resource(state.resource).every
            set_due(connection.pk, state.resource, every, due_at=now + every)
    ResourceState.objects.filter(connection=connection).update(last_error="")
    return request_sync(connection, trigger=SyncRun.Trigger.PERSON, user=connection.connected_by)


def next_run(connection: Connection, resource: Resource, job_id: int) -> SyncRun | None:
    """The run that a job is to carry out: one that waits or was interrupted, else a new one of the schedule; None when there
    is nothing to do (disconnected, switched off, stopped by a person)."""
    with transaction.atomic():
        state = positions.state_of(connection, resource.name)
        for run in _unfinished(connection, resource.name):
            if run.job_id is None and is_alive(run):
                return None
            run.job_id = job_id
            run.save(update_fields=["job_id"])
            return run
        runs = SyncRun.objects.filter(connection=connection, resource=resource.name)
        stopped = runs.filter(job_id=job_id, state=SyncRun.State.CANCELLED).exists()
        usable = connection.status in {Connection.Status.CONNECTED, Connection.Status.ERROR}
        if stopped or not usable or not state.enabled:
            return None
        return runs.create(
            connection=connection, resource=resource.name, trigger=SyncRun.Trigger.SCHEDULE, job_id=job_id
        )


def run_here(
    connection: Connection, resource: Resource, *, full: bool, plan_only: bool, approved: bool
) -> SyncRun | None:
    """A run for this process to carry out, without a job; None while another one reads the resource."""
    with transaction.atomic():
        positions.state_of(connection, resource.name)
        for run in _unfinished(connection, resource.name):
            if is_alive(run):
                return None
            _lose(run)
        return SyncRun.objects.create(
            connection=connection,
            resource=resource.name,
            trigger=SyncRun.Trigger.COMMAND,
            full=full or approved,
            plan_only=plan_only,
            approved=approved,
        )


def unattended(connection_id: str, resource: str) -> list[SyncRun]:
    """Unfinished runs that nobody works on any more, or will."""
    return [run for run in _unfinished(Connection(pk=connection_id), resource) if not is_alive(run)]


def waits_for(run: SyncRun, resource: Resource) -> SyncRun | None:
    """The unfinished run of the resource that this one lives inside: its records are this one's way in."""
    if resource.within is None:
        return None
    parents = _unfinished(Connection(pk=run.connection_id), resource.within.resource)
    return next((parent for parent in parents if is_alive(parent)), None)


def is_alive(run: SyncRun) -> bool:
    """Whether somebody works on an unfinished run, or will."""
    if run.job_id is None:
        return (run.progress_at or run.created_at) > timezone.now() - SILENCE
    return _jobs(run).filter(state__in=(Job.State.READY, Job.State.RUNNING)).exists()


def in_order(provider: Provider) -> list[Resource]:
    """Resources so that what is referred to, or lived inside, comes first; the provider's order where nothing is said."""
    known = {resource.name: resource for resource in provider.resources}
    ordered: dict[str, Resource] = {}

    def put(resource: Resource, under: tuple[str, ...]) -> None:
        for name in _needs(resource):
            if name in known and name not in under:
                put(known[name], (*under, name))
        ordered.setdefault(resource.name, resource)

    for resource in provider.resources:
        put(resource, (resource.name,))
    return list(ordered.values())


def _needs(resource: Resource) -> list[str]:
    needs = [step.ref for step in resource.mapping.fields if isinstance(step, Field) and step.ref]
    return [resource.within.resource, *needs] if resource.within else needs


def switched_on(connection: Connection, provider: Provider) -> list[Resource]:
    """What is read when nothing is named, in the order of `in_order`."""
    off = set(ResourceState.objects.filter(connection=connection, enabled=False).values_list("resource", flat=True))
    return [resource for resource in in_order(provider) if resource.name not in off]


def _requested(connection: Connection, resource: Resource, *, full: bool, approved: bool, **asked: Any) -> SyncRun:
    positions.state_of(connection, resource.name)
    for run in _unfinished(connection, resource.name):
        if is_alive(run):
            if run.state == SyncRun.State.QUEUED:
                run.full, run.approved = run.full or full, run.approved or approved
                run.save(update_fields=["full", "approved"])
            return run
        _lose(run)
    run = SyncRun(connection=connection, resource=resource.name, full=full, approved=approved, **asked)
    run.job_id = enqueue(
        KIND,
        key=f"{connection.pk}:{resource.name}",
        payload={"connection": str(connection.pk), "resource": resource.name},
        priority=PRIORITIES.get(run.trigger, 5),
    )
    run.save()
    return run


def _lose(run: SyncRun) -> None:
    run.state, run.message, run.finished_at = SyncRun.State.FAILED, LOST, timezone.now()
    run.save(update_fields=["state", "message", "finished_at"])


def _unfinished(connection: Connection, resource: str) -> list[SyncRun]:
    runs = SyncRun.objects.filter(connection_id=connection.pk, resource=resource, state__in=UNFINISHED)
    return list(runs.order_by("created_at"))


def _jobs(run: SyncRun) -> QuerySet[Job]:
    return Job.objects.filter(chapter_id=hub.inside().pk, kind=KIND, key=f"{run.connection_id}:{run.resource}")
