"""How a webhook or a delivery is doing, in words and as a small picture."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from integrations.outbound.models import Delivery, Endpoint
from integrations.outbound.overview import Health

from . import words
from .states import State

# A bar's width with the gap after it, and the height of the fullest.
BAR, HIGH = 4, 24
SOON = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Bar:
    """Of one hour: what arrived stands on the ground, what did not on top of it."""

    x: int
    arrived_y: float
    arrived: float
    failed_y: float
    failed: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """One webhook for a list or its page."""

    endpoint: Endpoint
    health: Health
    state: State
    bars: list[Bar]
    told: str

    @classmethod
    def of(cls, health: Health) -> Row:
        return cls(
            endpoint=health.endpoint,
            health=health,
            state=endpoint_state(health.endpoint),
            bars=_bars(health),
            told=_told(health),
        )


def endpoint_state(endpoint: Endpoint) -> State:
    if not endpoint.enabled:
        return State(tone="idle", words="Disabled since", at=endpoint.disabled_at, counts_from="since")
    if endpoint.failing_since:
        return State(tone="bad", words="Failing since", at=endpoint.failing_since, counts_from="since")
    if endpoint.failures:
        return State(tone="warn", words="Last attempt failed", at=endpoint.last_failure_at)
    if endpoint.last_success_at is None:
        return State(tone="idle", words="Nothing sent yet")
    return State(tone="good", words="Delivered", at=endpoint.last_success_at)


def delivery_state(delivery: Delivery) -> State:
    if delivery.state == Delivery.State.DELIVERED:
        return State(tone="good", words="Delivered", at=delivery.ended_at)
    if delivery.state == Delivery.State.FAILED:
        return State(tone="bad", words="Failed", at=delivery.ended_at)
    if delivery.tries:
        return State(tone="warn", words="Tried again", at=delivery.next_at, counts_from="until")
    return State(tone="busy", words="Waiting, made", at=delivery.event.at)


def is_soon(delivery: Delivery) -> bool:
    """Whether it is worth looking again and again what becomes of it."""
    return bool(delivery.next_at and delivery.next_at < timezone.now() + SOON)


def indented(body: str) -> str:
    return json.dumps(json.loads(body), indent=2, ensure_ascii=False)


def _bars(health: Health) -> list[Bar]:
    most = max((ok + bad for ok, bad in health.hours), default=0)
    bars = []
    for number, (ok, bad) in enumerate(health.hours):
        if ok or bad:
            arrived, failed = HIGH * ok / most, HIGH * bad / most
            bar = Bar(
                x=number * BAR,
                arrived_y=round(HIGH - arrived, 1),
                arrived=round(arrived, 1),
                failed_y=round(HIGH - arrived - failed, 1),
                failed=round(failed, 1),
            )
            bars.append(bar)
    return bars


def _told(health: Health) -> str:
    """What the picture shows."""
    if health.rate is None:
        return "Nothing was sent in the last 24 hours."
    return f"{health.rate} % of {words.count(health.attempts, 'attempt')} in the last 24 hours arrived."
