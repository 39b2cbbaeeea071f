"""An endpoint enabled, disabled, warned about: and told to the other endpoints."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from . import changes, events
from .models import Delivery, Endpoint

FAILING, DISABLED = "webhook.endpoint.failing", "webhook.endpoint.disabled"


def disable(endpoint: Endpoint, because: str, *, now: datetime | None = None) -> None:
    """What waits for it has failed, and can be replayed when it is enabled again."""
    moment = now or timezone.now()
    with transaction.atomic():
        endpoint.enabled, endpoint.disabled_because, endpoint.disabled_at = False, because, moment
        endpoint.rests_until = None
        endpoint.save(update_fields=["enabled", "disabled_because", "disabled_at", "rests_until"])
        waiting = Delivery.objects.filter(endpoint=endpoint, state=Delivery.State.WAITING)
        waiting.update(
            state=Delivery.State.FAILED,
            next_at=None,
            ended_at=moment,
            error="The endpoint was disabled before it was sent.",
        )
        events.emit(DISABLED, _data(endpoint) | {"because": because})


def enable(endpoint: Endpoint) -> None:
    """Sent to from now on; what it missed only where somebody asks for it."""
    with transaction.atomic():
        if not events.interested().exists():
            changes.begin()
        endpoint.enabled, endpoint.disabled_because, endpoint.disabled_at = True, "", None
        endpoint.failures, endpoint.rests_until, endpoint.failing_since, endpoint.warned_at = 0, None, None, None
        endpoint.save(
            update_fields=[
                "enabled", "disabled_because", "disabled_at", "failures", "rests_until", "failing_since", "warned_at",
            ]
        )  # fmt: skip


def warn(endpoint: Endpoint, since: datetime, *, now: datetime) -> None:
    endpoint.warned_at = now
    endpoint.save(update_fields=["warned_at"])
    events.emit(FAILING, _data(endpoint) | {"since": since.isoformat()})


def _data(endpoint: Endpoint) -> dict[str, str]:
    """Without its address, which may hold a secret of the receiver's."""
    return {"id": str(endpoint.pk), "description": endpoint.description}
