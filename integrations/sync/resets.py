"""Beginning anew with one resource, and with nothing else."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from integrations.connections.models import Connection

from . import positions, services
from .models import SeenKey, SyncRun

CURSOR, COMPARE = "cursor", "compare"
MODES = (CURSOR, COMPARE)


def forget_cursor(connection: Connection, resource: str) -> None:
    """The next run reads everything. Links, mapping, what is set aside and every other resource stay as they are. A read under
    way notices, and begins anew."""
    with transaction.atomic():
        state = positions.state_of(connection, resource)
        state.cursor, state.position = "", None
        state.save(update_fields=["cursor", "position"])
        SeenKey.objects.filter(state=state).delete()


def read_and_compare(connection: Connection, resource: str, *, trigger: str, user: Any = None) -> SyncRun:
    """Queue a read of everything, now; what it no longer shows is gone, where the resource is compared. A read under way that
    was not to show everything stops: the queued one takes its place."""
    with transaction.atomic():
        positions.state_of(connection, resource)
        services.cancel_resource(connection, resource)
        return services.request_sync(connection, resource, full=True, trigger=trigger, user=user)[0]
