"""When a resource is to send: looked for once a minute, and at once after what may have changed something.

Looking is cheap and leaves no run behind: only where something differs is a run wished for.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from integrations import registry
from integrations.connections.models import Connection
from integrations.hub import tenancy
from integrations.hub.jobs.schedule import set_due
from integrations.hub.models import Due
from integrations.provider import Resource
from integrations.sync import positions, services
from integrations.sync.batch import Route
from integrations.sync.models import ResourceState, SyncRun
from integrations.sync.schedules import LOOK_EVERY, LOOKS

from . import outbox, plan, soon, stage
from .outbox import State

MOST_LOOKS = 20


def begin_looking(connection: Connection, resource: str) -> None:
    set_due(connection.pk, resource + LOOKS, LOOK_EVERY)
    soon.somebody_sends()


def stop_looking(connection: Connection, resource: str) -> None:
    Due.objects.filter(chapter_id=tenancy.inside().pk, connection_id=connection.pk, resource=resource + LOOKS).delete()


def begin_again(connection: Connection) -> None:
    """The connection was made again: what it sent, it sends. Nobody knows what changed meanwhile, so all is compared."""
    for state in ResourceState.objects.filter(connection=connection, sends=True):
        ResourceState.objects.filter(pk=state.pk).update(comparing=True, compared=None)
        begin_looking(connection, state.resource)


def resource_of(name: str) -> str | None:
    """The resource whose changes a job is to look for; None for a job that is a run."""
    return name.removesuffix(LOOKS) if name.endswith(LOOKS) else None


def look(connection: Connection, resource: str) -> SyncRun | None:
    """Wish for a run where something is to be sent; returns it."""
    route = Route.of(connection, registry.get(connection.provider).resource(resource))
    with transaction.atomic():
        state = positions.state_of(connection, resource)
        if not _may_send(route, state):
            return None
        for _ in range(MOST_LOOKS):
            if state.comparing or not stage.stage(route, state).more:
                break
        waits = outbox.of(connection, resource).filter(state__in=(State.READY, State.SENDING)).exists()
        if not (waits or state.comparing):
            return None
        return services.request_sync(connection, resource, trigger=SyncRun.Trigger.CHANGE)[0]


def _may_send(route: Route, state: ResourceState) -> bool:
    connection, resource = route.connection, route.resource
    if not (state.sends and state.enabled and resource.write) or connection.status != Connection.Status.CONNECTED:
        return False
    runs = SyncRun.objects.filter(connection=connection, resource=resource.name)
    if runs.filter(state__in=services.UNFINISHED).exists() or plan.waiting(connection.pk, resource.name):
        return False
    newest = runs.exclude(finished_at=None).order_by("-finished_at").first()
    return newest is None or newest.state != SyncRun.State.FAILED or _is_long_ago(newest, resource)


def _is_long_ago(run: SyncRun, resource: Resource) -> bool:
    return run.finished_at is None or run.finished_at < timezone.now() - resource.every
