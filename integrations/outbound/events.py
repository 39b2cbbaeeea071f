"""Making events: kept, addressed to the endpoints that want them, and their sending wished for, in the caller's transaction.

Nothing is made of a type that no endpoint of the chapter asks for. A disabled endpoint counts for as long as events are kept,
so that what it missed can be sent when it is enabled again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from uuid_utils.compat import uuid7

from . import catalogue, filters, wishes
from .models import Delivery, Endpoint, Event


@dataclass(frozen=True, kw_only=True)
class News:
    """What an event will say. `at` is when it happened."""

    type: str
    data: Mapping[str, Any]
    at: datetime


def emit(name: str, data: Mapping[str, Any]) -> None:
    """Something has happened here: call it in the transaction that makes it so."""
    publish([News(type=name, data=data, at=timezone.now())])


def keep(name: str, data: Mapping[str, Any]) -> Event:
    """An event that is addressed to nobody yet."""
    event = _made(News(type=name, data=data, at=timezone.now()))
    event.save(force_insert=True)
    return event


def publish(news: Sequence[News]) -> int:
    """Keep these events and address them; returns how many were wanted by anybody."""
    with transaction.atomic():
        asking = list(interested())
        patterns = {pattern for endpoint in asking for pattern in endpoint.events}
        wanted = [(_made(one), one.data) for one in news if catalogue.matches(one.type, patterns)]
        if not wanted:
            return 0
        Event.objects.bulk_create([event for event, _ in wanted], batch_size=1_000)
        address(wanted, [endpoint for endpoint in asking if endpoint.enabled])
    return len(wanted)


def address(events: Sequence[tuple[Event, Mapping[str, Any]]], endpoints: Iterable[Endpoint]) -> int:
    """A delivery for each event and endpoint that asks for it, unless there is one; returns how many."""
    now = timezone.now()
    made, receiving = [], []
    for endpoint in endpoints:
        mine = [event for event, data in events if wants(endpoint, event, data)]
        made += [Delivery(endpoint=endpoint, event=event, next_at=now) for event in mine]
        receiving += [endpoint] if mine else []
    Delivery.objects.bulk_create(made, batch_size=1_000, ignore_conflicts=True)
    for endpoint in receiving:
        wishes.send(endpoint)
    return len(made)


def wants(endpoint: Endpoint, event: Event, data: Mapping[str, Any]) -> bool:
    return (
        event.version == endpoint.version
        and catalogue.matches(event.type, endpoint.events)
        and filters.passes(endpoint.filter, data)
    )


def interested() -> QuerySet[Endpoint]:
    """Endpoints for which events are made."""
    kept = timezone.now() - timedelta(days=settings.WEBHOOK_EVENTS_KEEP_DAYS)
    return Endpoint.objects.filter(Q(enabled=True) | Q(disabled_at__gt=kept))


def _made(one: News) -> Event:
    at = one.at.astimezone(UTC)
    envelope = {"type": one.type, "timestamp": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z", "data": one.data}
    return Event(
        id=uuid7(),
        type=one.type,
        version=catalogue.get(one.type).version,
        at=one.at,
        body=orjson.dumps(envelope, default=str).decode(),
    )


def data_of(event: Event) -> dict[str, Any]:
    data: dict[str, Any] = orjson.loads(event.body)["data"]
    return data
