"""What pages, the API, the schedule and other slices may ask of syncing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from integrations import hub, registry
from integrations.connections.models import Connection
from integrations.hub.jobs import enqueue
from integrations.hub.models import Job
from integrations.provider import Field, Provider, Resource

from . import decisions, positions, schedules
from .models import ResourceState, SyncRun
from .push import plan

KIND = "sync.run"
UNFINISHED = (SyncRun.State.QUEUED, SyncRun.State.RUNNING)
# A person or a partner waits for it; a schedule does not.
PRIORITIES: dict[str, int] = {SyncRun.Trigger.PERSON: 3, SyncRun.Trigger.API: 3}
# A run of the command line has no job; silent for this long, its process is gone.
SILENCE = timedelta(minutes=15)
WAITS_FOR_ITS_PARENT = "waits until"
LOST = "The worker was lost. What was read is kept, and the next run goes on from there."


def request_sync(
    connection: Connection,
    resource: str | None = None,
    *,
    full: bool = False,
    trigger: str = SyncRun.Trigger.PERSON,
    user: Any = None,
    approved: bool = False,
    plan_only: bool = False,
    back_days: int = 0,
) -> list[SyncRun]:
    """Queue a run of one resource, or of all that are switched on; returns the runs in the order of their references.

    A resource whose run is queued or running is not doubled: that run is returned. `full`: everything is read, from the
    beginning whatever an interrupted read has left; only what is being read at this moment is finished. `plan_only`: what it
    would do is counted and shown, nothing is written. `back_days`: what changed in so many days before the cursor is read once
    more. KeyError for an unknown resource.
    """
    provider = registry.get(connection.provider)
    with transaction.atomic():
        wanted = [provider.resource(resource)] if resource else switched_on(connection, provider)
        return [
            _requested(
                connection,
                one,
                full=full,
                anew=full,
                trigger=SyncRun.Trigger(trigger),
                triggered_by=user,
                approved=approved,
                plan_only=plan_only,
                back_days=back_days,
            )
            for one in wanted
        ]


def approve(run: SyncRun, *, user: Any = None) -> SyncRun:
    """Carry out what waits for a person, deletes beyond the brake or a first sending included; returns the queued run. What
    is being read meanwhile was not allowed that: it stops, and the queued run takes its place. Raises decisions.NotYet."""
    with transaction.atomic():
        positions.state_of(run.connection, run.resource)
        run.refresh_from_db()
        deletes = run.state != SyncRun.State.PLANNED or not plan.allow(run)
        if run.state == SyncRun.State.PLANNED:
            decisions.require_parent(run)
            cancel_resource(run.connection, run.resource)
            decisions.decide(run, SyncRun.Decision.APPROVED, user)
        resource = registry.get(run.connection.provider).resource(run.resource)
        return _requested(
            run.connection,
            resource,
            full=run.full,
            anew=False,  # it goes on where it met its limit
            trigger=SyncRun.Trigger.PERSON,
            triggered_by=user,
            approved=deletes,
            plan_only=False,
            back_days=0,
        )


def cancel(run: SyncRun) -> None:
    """Stop a run: at once if it waits, after the batch it is writing if it works. A run that is over stays as it is."""
    with transaction.atomic():
        found = SyncRun.objects.select_for_update().filter(pk=run.pk, state__in=UNFINISHED).first()
        if found is None:
            return
        found.state, found.finished_at = SyncRun.State.CANCELLED, timezone.now()
        undone = found.kind == SyncRun.Kind.UNDO
        found.message = f"Stopped by a person; what was {'taken back stays so' if undone else 'read is kept'}."
        found.save(update_fields=["state", "finished_at", "message"])
        _jobs(found).filter(state=Job.State.READY).delete()
    run.refresh_from_db()


def stop(connection: Connection) -> None:
    """Nothing of a connection is read any more until it is connected again: what runs stops, and nothing is due."""
    schedules.pause(connection)
    cancel_all(connection)


def cancel_resource(connection: Connection, resource: str) -> None:
    for run in _unfinished(connection, resource):
        cancel(run)


def cancel_all(connection: Connection) -> None:
    """Every read; an undo goes on, for it asks nothing of the vendor."""
    for run in SyncRun.objects.filter(connection=connection, kind=SyncRun.Kind.SYNC, state__in=UNFINISHED):
        cancel(run)


def begin(connection: Connection) -> list[SyncRun]:
    """Set a connection going that was just connected: every resource on schedule, old errors forgotten, a first run queued."""
    schedules.align(connection)
    ResourceState.objects.filter(connection=connection).update(last_error="")
    return request_sync(connection, trigger=SyncRun.Trigger.PERSON, user=connection.connected_by)


def next_run(connection: Connection, resource: Resource, job_id: int) -> SyncRun | None:
    """The run that a job is to carry out: one that waits or was interrupted, else a new one of the schedule; None when there
    is nothing to do (disconnected, switched off, stopped by a person, a plan that waits for one)."""
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
        if stopped or not usable or not state.enabled or decisions.holds(connection, resource.name):
            return None
        return runs.create(
            connection=connection, resource=resource.name, trigger=SyncRun.Trigger.SCHEDULE, job_id=job_id
        )


def run_here(
    connection: Connection, resource: Resource, *, full: bool, plan_only: bool, approved: bool
) -> SyncRun | None:
    """A run for this process to carry out, without a job; None while another one reads the resource. `approved`: with what
    waits for a person. Raises decisions.NotYet."""
    with transaction.atomic():
        state = positions.state_of(connection, resource.name)
        for run in _unfinished(connection, resource.name):
            if is_alive(run):
                return None
            lose(run)
        if full and not plan_only:
            positions.forget(state)
        if approved:
            decisions.approve_waiting(connection, resource.name)
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


def wake_children(connection: Connection, resource: str) -> None:
    """A resource has been read, or its run has ended otherwise: what lives inside it need not wait any longer."""
    provider = registry.all_providers().get(connection.provider)
    inside = [
        f"{connection.pk}:{one.name}"
        for one in (provider.resources if provider else ())
        if one.within and one.within.resource == resource
    ]
    if inside:
        waiting = Job.objects.filter(chapter_id=hub.inside().pk, kind=KIND, key__in=inside, state=Job.State.READY)
        waiting.filter(last_error__contains=WAITS_FOR_ITS_PARENT).update(run_at=Now())


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


def _requested(
    connection: Connection,
    resource: Resource,
    *,
    full: bool,
    anew: bool,
    approved: bool,
    plan_only: bool,
    back_days: int,
    **asked: Any,
) -> SyncRun:
    """`anew`: what an interrupted read has left is not gone on with."""
    state = positions.state_of(connection, resource.name)
    anew = anew and not plan_only  # a plan keeps no place, and takes none
    for run in _unfinished(connection, resource.name):
        if is_alive(run):
            if run.state == SyncRun.State.QUEUED:
                run.full, run.approved = run.full or full, run.approved or approved
                run.plan_only = run.plan_only and plan_only
                run.back_days = max(run.back_days, back_days)
                run.save(update_fields=["full", "approved", "plan_only", "back_days"])
            else:
                anew = anew and asked["trigger"] == SyncRun.Trigger.PERSON and _begins_anew(run)
            if anew:
                positions.forget(state)
            return run
        lose(run)
    if anew:
        positions.forget(state)
    run = SyncRun(
        connection=connection,
        resource=resource.name,
        full=full,
        approved=approved,
        plan_only=plan_only,
        back_days=back_days,
        **asked,
    )
    run.job_id = enqueue(
        KIND,
        key=f"{connection.pk}:{resource.name}",
        payload={"connection": str(connection.pk), "resource": resource.name},
        priority=PRIORITIES.get(run.trigger, 5),
    )
    run.save()
    return run


def _begins_anew(run: SyncRun) -> bool:
    """Have a run that has stopped for a while (the vendor asked for a pause, or had a fault) read everything when it goes on;
    whether it does. One that is being carried out is finished, and a plan begins anew anyway."""
    later = _jobs(run).filter(state=Job.State.READY, run_at__gt=Now())
    if run.plan_only or not later.exists() or _jobs(run).filter(state=Job.State.RUNNING).exists():
        return False
    run.full, run.read_said = True, ""
    run.save(update_fields=["full", "read_said"])
    return True


def reading(connection: Connection, resource: str) -> SyncRun | None:
    """The run that somebody is carrying out at this moment; not one that pauses."""
    for run in _unfinished(connection, resource):
        here = run.job_id is None and is_alive(run)
        if run.state == SyncRun.State.RUNNING and (here or _jobs(run).filter(state=Job.State.RUNNING).exists()):
            return run
    return None


def lose(run: SyncRun, why: str = LOST) -> None:
    """End a run nobody works on any more."""
    run.state, run.message, run.finished_at = SyncRun.State.FAILED, why, timezone.now()
    run.save(update_fields=["state", "message", "finished_at"])


def _unfinished(connection: Connection, resource: str) -> list[SyncRun]:
    runs = SyncRun.objects.filter(
        connection_id=connection.pk, resource=resource, kind=SyncRun.Kind.SYNC, state__in=UNFINISHED
    )
    return list(runs.order_by("created_at"))


def _jobs(run: SyncRun) -> QuerySet[Job]:
    mine = Job.objects.filter(chapter_id=hub.inside().pk)
    if run.kind == SyncRun.Kind.UNDO:
        return mine.filter(pk=run.job_id)
    return mine.filter(kind=KIND, key=f"{run.connection_id}:{run.resource}")
