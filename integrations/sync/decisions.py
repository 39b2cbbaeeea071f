"""A person's answers to what waits for one, and what follows from them."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from integrations import registry
from integrations.connections.models import Connection

from . import plan as plans
from .models import PlannedKey, ResourceState, SyncRun

# A person must decide these; a plan somebody asked for binds nobody.
BINDING = (plans.FIRST, plans.LARGE)
_SAID = {
    SyncRun.Decision.APPROVED: "Approved.",
    SyncRun.Decision.REJECTED: "Rejected: nothing of it was written.",
}


class NotYet(Exception):
    """Something else has to be approved first."""


def reject(run: SyncRun, *, user: Any = None) -> SyncRun:
    """Nothing of it is written. The schedule leaves the resource alone until somebody asks for a sync again; what was to be
    sent for the first time is not, and sending is off."""
    with transaction.atomic():
        locked = SyncRun.objects.select_for_update().get(pk=run.pk)
        if locked.state == SyncRun.State.PLANNED:
            decide(locked, SyncRun.Decision.REJECTED, user)
            if locked.send_plan:  # or the same would be asked again in a minute
                states = ResourceState.objects.filter(connection_id=locked.connection_id, resource=locked.resource)
                states.update(sends=False)
    run.refresh_from_db()
    return run


def decide(run: SyncRun, decision: SyncRun.Decision, user: Any) -> None:
    """Put a person's answer on a run that waits. What was rejected is over; but a run that only wanted deletes did its work."""
    rejected = decision == SyncRun.Decision.REJECTED
    did_its_work = (run.plan or {}).get("why") == plans.DELETES
    run.state = SyncRun.State.CANCELLED if rejected and not did_its_work else SyncRun.State.SUCCEEDED
    run.message = f"{run.message} {_SAID[decision]}"
    run.decision, run.decided_at = decision, timezone.now()
    run.decided_by = user if getattr(user, "pk", None) else None
    run.save(update_fields=["state", "message", "decision", "decided_by", "decided_at"])
    PlannedKey.objects.filter(run=run).delete()


def approve_waiting(connection: Connection, resource: str) -> None:
    """What of a resource waits is approved by whoever runs it here."""
    mine = SyncRun.objects.filter(connection=connection, resource=resource, kind=SyncRun.Kind.SYNC)
    for run in mine.filter(state=SyncRun.State.PLANNED).select_related("connection"):
        require_parent(run)
        decide(run, SyncRun.Decision.APPROVED, None)


def require_parent(run: SyncRun) -> None:
    """Raises NotYet for a first plan of what lives inside records that are not here, and not approved either."""
    provider = registry.get(run.connection.provider)
    resource = next((one for one in provider.resources if one.name == run.resource), None)
    if resource is None or resource.within is None or (run.plan or {}).get("why") != plans.FIRST:
        return
    parent = resource.within.resource
    read = ResourceState.objects.filter(
        connection=run.connection, resource=parent, last_complete_at__isnull=False
    ).exists()
    approved = SyncRun.objects.filter(connection=run.connection, resource=parent, approved=True).exists()
    if not read and not approved:
        raise NotYet(f"Approve {provider.resource(parent).title} first: {resource.title} live inside them.")


def holds(connection: Connection, resource: str) -> bool:
    """Whether the schedule leaves a resource alone: its plan waits for a person, or was rejected by one."""
    told = Q(plan__why__in=BINDING) | Q(state__in=(SyncRun.State.SUCCEEDED, SyncRun.State.PARTIAL))
    mine = SyncRun.objects.filter(told, connection=connection, resource=resource, kind=SyncRun.Kind.SYNC)
    newest = mine.defer("plan").order_by("-created_at").first()
    if newest is None:
        return False
    if newest.state == SyncRun.State.PLANNED:
        return newest.finished_at is not None and timezone.now() - newest.finished_at < plans.STALE_AFTER
    return newest.decision == SyncRun.Decision.REJECTED


def stale(run: SyncRun) -> str:
    """Why a plan may no longer say what would happen; "" while it does."""
    if run.finished_at is None or run.plan is None:
        return ""
    if timezone.now() - run.finished_at > plans.STALE_AFTER:
        return "This plan is older than seven days. Plan again to see what would happen today."
    since = SyncRun.objects.filter(
        connection_id=run.connection_id, resource=run.resource, finished_at__gt=run.finished_at, plan_only=False
    ).exclude(pk=run.pk)
    if since.exclude(created=0, updated=0, deleted=0).exists():
        return "Records have changed since this plan was made. Plan again to see what would happen now."
    return ""
