"""The job that takes a run back: `sync.undo`, one per undo."""

from __future__ import annotations

from typing import Any

from integrations.hub.jobs import Retry, Work, job

from . import services, undo
from .models import SyncRun

PAUSE = 3  # seconds


def given_up(payload: dict[str, Any], reason: str) -> None:
    """The undo ends where it is: what it has taken back is taken back, and another undo goes on with the rest."""
    for run in SyncRun.objects.filter(pk=payload["run"], state__in=services.UNFINISHED):
        services.lose(run, f"{reason} Given up: undo it again to go on with the rest.")


@job(undo.KIND, lease=60, given_up=given_up)
def take_back(work: Work) -> None:
    """Payload: {"run": id of the undo}."""
    found = (
        SyncRun.objects.filter(pk=work.payload["run"], state__in=services.UNFINISHED)
        .select_related("connection")
        .first()
    )
    if found is None:
        return
    if reading := services.reading(found.connection, found.resource):
        raise Retry(PAUSE, f"The undo waits until {reading.resource} has been read.")
    undo.carry_out(found, work)
