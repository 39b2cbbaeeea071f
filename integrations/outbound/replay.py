"""Sending again: one delivery, all that failed, those since a moment, or what an endpoint never got.

Each is counted before it is done, by the same selection. A replayed event has its old id, so that a receiver knows it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from . import catalogue, events, wishes
from .models import Delivery, Endpoint, Event
from .services import TEST, EndpointError

FAILED, SINCE, MISSING = "failed", "since", "missing"
KINDS = {FAILED: "All that failed", SINCE: "Everything since a moment", MISSING: "What it never got"}
AT_ONCE = 1_000


@dataclass(frozen=True, kw_only=True)
class Which:
    """`kind` is one of KINDS; `since` narrows each of them, and SINCE needs it."""

    kind: str
    since: datetime | None = None

    def __post_init__(self) -> None:
        if self.kind == SINCE and self.since is None:
            raise EndpointError("Say since when.", "since")


def count(endpoint: Endpoint, which: Which) -> int:
    """How many would be sent."""
    if which.kind == MISSING:
        return sum(len(found) for found in _missing(endpoint, which.since))
    return _ended(endpoint, which).count()


def replay(endpoint: Endpoint, which: Which) -> int:
    """Have them sent; returns how many."""
    _require(endpoint)
    number = 0
    if which.kind == MISSING:
        for found in _missing(endpoint, which.since):
            with transaction.atomic():
                number += events.address(found, [endpoint])
        return number
    with transaction.atomic():
        number = _again(_ended(endpoint, which))
        if number:
            wishes.send(endpoint)
    return number


def replay_one(delivery: Delivery) -> None:
    _require(delivery.endpoint)
    with transaction.atomic():
        _again(Delivery.objects.filter(pk=delivery.pk))
        wishes.send(delivery.endpoint)


def _require(endpoint: Endpoint) -> None:
    if not endpoint.enabled:
        raise EndpointError("It is disabled: enable it first.")


def _ended(endpoint: Endpoint, which: Which) -> QuerySet[Delivery]:
    """What waits is sent anyway."""
    rows = Delivery.objects.filter(endpoint=endpoint).exclude(state=Delivery.State.WAITING)
    if which.kind == FAILED:
        rows = rows.filter(state=Delivery.State.FAILED)
    return rows.filter(event__at__gte=which.since) if which.since else rows


def _again(rows: QuerySet[Delivery]) -> int:
    return rows.update(state=Delivery.State.WAITING, tries=0, next_at=timezone.now(), ended_at=None)


def _missing(endpoint: Endpoint, since: datetime | None) -> Iterator[list[tuple[Event, Mapping[str, Any]]]]:
    """Events that it asks for and has no delivery of, oldest first, in batches."""
    types = [one.name for one in catalogue.wanted(endpoint.events) if one.name != TEST]
    has_one = Delivery.objects.filter(endpoint=endpoint, event=OuterRef("pk"))
    rows = Event.objects.filter(~Exists(has_one), type__in=types, version=endpoint.version)
    rows = rows.filter(at__gte=since) if since else rows
    after: UUID | None = None
    while True:
        batch = list((rows.filter(pk__gt=after) if after else rows).order_by("pk")[:AT_ONCE])
        if not batch:
            return
        after = batch[-1].pk
        told = [(event, events.data_of(event)) for event in batch]
        yield [(event, data) for event, data in told if events.wants(endpoint, event, data)]
