"""How endpoints are doing, at a glance: three questions for any number of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Count, Q
from django.db.models.functions import Trunc
from django.utils import timezone

from .models import Attempt, Delivery, Endpoint

HOURS = 24


@dataclass(kw_only=True)
class Health:
    """`hours` of the last day, the oldest first: how many attempts arrived and how many did not. `waiting` and `failed` count
    deliveries."""

    endpoint: Endpoint
    hours: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)] * HOURS)
    waiting: int = 0
    failed: int = 0

    @property
    def attempts(self) -> int:
        return sum(ok + bad for ok, bad in self.hours)

    @property
    def arrived(self) -> int:
        return sum(ok for ok, _ in self.hours)

    @property
    def rate(self) -> int | None:
        """Per cent of the attempts of a day that arrived, rounded down; None where there was none."""
        return self.arrived * 100 // self.attempts if self.attempts else None


def health(endpoints: Sequence[Endpoint], now: datetime | None = None) -> list[Health]:
    """In the order of the endpoints."""
    moment = now or timezone.now()
    found = {one.pk: Health(endpoint=one) for one in endpoints}
    begins = moment.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    attempts = Attempt.objects.filter(endpoint__in=found, at__gte=begins).order_by()
    by_hour = attempts.annotate(hour=Trunc("at", "hour", tzinfo=UTC)).values_list("endpoint_id", "hour")
    for pk, hour, arrived, number in by_hour.annotate(ok=Count("pk", filter=Q(ok=True)), all=Count("pk")):
        place = int((hour - begins).total_seconds() // 3600)
        if 0 <= place < HOURS:
            before = found[pk].hours[place]
            found[pk].hours[place] = (before[0] + arrived, before[1] + number - arrived)
    _count(found, endpoints)
    return list(found.values())


def _count(found: dict[UUID, Health], endpoints: Sequence[Endpoint]) -> None:
    open_ones = Delivery.objects.filter(endpoint__in=found).exclude(state=Delivery.State.DELIVERED).order_by()
    for pk, state, number in open_ones.values_list("endpoint_id", "state").annotate(number=Count("pk")):
        if state == Delivery.State.WAITING:
            found[pk].waiting = number
        else:
            found[pk].failed = number
