"""The platform's own events: syncs that end, connections that change, webhooks that fail."""

from __future__ import annotations

from integrations.connections.models import Connection
from integrations.sync.models import SyncRun

from . import events
from .catalogue import EventType, register
from .services import TEST
from .shapes import ID, TEXT, shape
from .states import DISABLED, FAILING

_NUMBER = {"type": "integer", "minimum": 0}
_CONNECTION = shape({"id": ID, "name": TEXT, "provider": TEXT})
_COUNTS = ("fetched", "created", "updated", "unchanged", "deleted", "quarantined", "sent", "refused")
_RUN = shape(
    {
        "id": {**ID, "description": "The run's id."},
        "connection": _CONNECTION,
        "resource": TEXT,
        "state": {"enum": ["succeeded", "partial", "failed"]},
        "full": {"type": "boolean", "description": "Whether everything was read."},
        "counts": shape(dict.fromkeys(_COUNTS, _NUMBER)),
        "message": {**TEXT, "description": "How it went, in words."},
    }
)
_STATUS = shape(
    {
        "connection": _CONNECTION,
        "status": {"enum": list(Connection.Status.values)},
        "previous": {"enum": list(Connection.Status.values)},
        "message": {**TEXT, "description": "What is wrong, in words; empty where nothing is."},
    }
)
_WEBHOOK = {"id": {**ID, "description": "The webhook's id."}, "description": TEXT}

TYPES = (
    EventType(
        name="sync.completed", description="A sync has ended; state `partial`: records were set aside.", schema=_RUN
    ),
    EventType(name="sync.failed", description="A sync has ended without having read everything.", schema=_RUN),
    EventType(name="connection.connected", description="A connection was made, or made again.", schema=_STATUS),
    EventType(name="connection.disconnected", description="Somebody disconnected a connection.", schema=_STATUS),
    EventType(
        name="connection.broken",
        description="A connection no longer works: it needs attention, or a new sign-in.",
        schema=_STATUS,
    ),
    EventType(
        name="connection.recovered",
        description="A connection that was broken works again by itself.",
        schema=_STATUS,
    ),
    EventType(
        name=FAILING,
        description="For three days nothing could be delivered to one of the webhooks.",
        schema=shape({**_WEBHOOK, "since": {"type": "string", "format": "date-time"}}),
    ),
    EventType(name=DISABLED, description="A webhook was disabled.", schema=shape({**_WEBHOOK, "because": TEXT})),
    EventType(name=TEST, description="Somebody wanted to see whether it arrives.", schema=shape({"message": TEXT})),
)

_ENDED = {
    SyncRun.State.SUCCEEDED: "sync.completed",
    SyncRun.State.PARTIAL: "sync.completed",
    SyncRun.State.FAILED: "sync.failed",
}
_BROKEN = (Connection.Status.ERROR, Connection.Status.EXPIRED)


def register_types() -> None:
    register(*TYPES)


def run_ended(run: SyncRun) -> None:
    """Nothing for a plan that waits, or a run that a person has stopped."""
    name = _ENDED.get(SyncRun.State(run.state))
    if name is None or run.kind != SyncRun.Kind.SYNC or run.plan_only:
        return
    data = {
        "id": str(run.pk),
        "connection": _of(run.connection),
        "resource": run.resource,
        "state": run.state,
        "full": run.full,
        "counts": {field: getattr(run, field) for field in _COUNTS},
        "message": run.message,
    }
    events.emit(name, data)


def status_changed(connection: Connection, previous: str) -> None:
    name = _meaning(connection.status, previous)
    message = connection.last_error
    data = {"connection": _of(connection), "status": connection.status, "previous": previous, "message": message}
    events.emit(name, data)


def _meaning(status: str, previous: str) -> str:
    if status == Connection.Status.DISCONNECTED:
        return "connection.disconnected"
    if status in _BROKEN:
        return "connection.broken"
    return "connection.recovered" if previous in _BROKEN else "connection.connected"


def _of(connection: Connection) -> dict[str, str]:
    return {"id": str(connection.pk), "name": connection.name, "provider": connection.provider}
