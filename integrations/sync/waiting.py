"""What of a connection waits for a person: plans of first reads and of large changes, and deletes beyond the brake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from integrations import registry
from integrations.connections.models import Connection

from . import decisions, services
from . import plan as plans
from .models import SyncRun


def runs(connection: Connection) -> list[SyncRun]:
    """What of a connection waits for a person, in the order of references."""
    found = SyncRun.objects.filter(connection=connection, kind=SyncRun.Kind.SYNC, state=SyncRun.State.PLANNED).order_by(
        "created_at"
    )
    newest = {run.resource: run for run in found}
    order = [resource.name for resource in services.in_order(registry.get(connection.provider))]
    known = [newest.pop(name) for name in order if name in newest]
    return [*known, *newest.values()]


def count(connection: Connection) -> int:
    """How many resources of a connection wait for a person."""
    found = SyncRun.objects.filter(connection=connection, kind=SyncRun.Kind.SYNC, state=SyncRun.State.PLANNED)
    return found.values("resource").distinct().count()


def first(found: Sequence[SyncRun]) -> list[SyncRun]:
    """Those of them that are plans of first reads."""
    return [run for run in found if (run.plan or {}).get("why") == plans.FIRST]


def approve_all(connection: Connection, *, user: Any = None) -> list[SyncRun]:
    """Approve everything that waits, what others live inside first; returns the queued runs."""
    with transaction.atomic():
        return [services.approve(run, user=user) for run in runs(connection)]


def reject_all(connection: Connection, *, user: Any = None) -> list[SyncRun]:
    with transaction.atomic():
        return [decisions.reject(run, user=user) for run in runs(connection)]
