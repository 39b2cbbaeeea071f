"""What came of a batch of attempts: saved by one statement, and what it says about the endpoint.

An endpoint fails for good after five days in which nothing arrived, counted from the day on which several attempts had failed;
after three days its chapter is warned. Who answers 410 has said goodbye.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from . import retries, states
from .models import Attempt, Delivery, Endpoint

if TYPE_CHECKING:
    from .sending import Tried

SEVERAL = 3
WARN_AFTER = timedelta(days=3)
DISABLE_AFTER = timedelta(days=5)
GONE = 410
_LONGEST_ERROR = 300

# A delivery that is gone, or was settled by another worker meanwhile, takes its attempt with it.
_SAVE = """
WITH tried AS (
    SELECT * FROM unnest(%(attempts)s::uuid[], %(ids)s::uuid[], %(endpoints)s::uuid[], %(at)s::timestamptz[], %(ok)s::bool[],
        %(statuses)s::int[], %(milliseconds)s::int[], %(answers)s::text[], %(errors)s::text[], %(next)s::timestamptz[])
        AS t (attempt, id, endpoint, at, ok, status, milliseconds, answer, error, next)),
settled AS (
    UPDATE integrations_delivery d SET
        state = CASE WHEN t.ok THEN 'delivered' WHEN t.next IS NULL THEN 'failed' ELSE 'waiting' END,
        tries = d.tries + 1, next_at = t.next, status = t.status, error = t.error,
        ended_at = CASE WHEN t.next IS NULL THEN t.at END
    FROM tried t WHERE d.id = t.id AND d.state = 'waiting' RETURNING d.id)
INSERT INTO integrations_attempt (id, delivery_id, endpoint_id, at, ok, status, milliseconds, answer, error)
SELECT t.attempt, t.id, t.endpoint, t.at, t.ok, t.status, t.milliseconds, t.answer, t.error
FROM tried t JOIN settled ON settled.id = t.id
"""


class Fence(Protocol):
    def fence(self) -> None: ...


def save(
    batches: Mapping[UUID, Sequence[Tried]], work: Fence | None, *, now: datetime | None = None
) -> dict[UUID, Endpoint]:
    """By endpoint; returns them as they are now. One transaction; nothing is saved by a worker whose job is somebody else's."""
    moment = now or timezone.now()
    with transaction.atomic():
        if work is not None:
            work.fence()
        # Not FOR UPDATE: an event made meanwhile refers to the row, and need not wait.
        held = Endpoint.objects.select_for_update(no_key=True).filter(pk__in=batches).order_by("pk")
        endpoints = {one.pk: one for one in held}
        found = [tried for batch in batches.values() for tried in batch]
        with connection.cursor() as cursor:
            cursor.execute(_SAVE, _columns(found, now))
        for pk, batch in batches.items():
            if pk in endpoints and batch:
                _learn(endpoints[pk], batch, moment)
    return endpoints


def _columns(found: Sequence[Tried], now: datetime | None) -> dict[str, list[Any]]:
    return {
        "attempts": [uuid7() for _ in found],
        "ids": [one.due.id for one in found],
        "endpoints": [one.due.endpoint for one in found],
        "at": [now or one.at for one in found],
        "ok": [one.outcome.ok for one in found],
        "statuses": [one.outcome.status for one in found],
        "milliseconds": [one.outcome.milliseconds for one in found],
        "answers": [one.outcome.answer for one in found],
        "errors": [one.outcome.error[:_LONGEST_ERROR] for one in found],
        "next": [_next(one, now or timezone.now()) for one in found],
    }


def _next(tried: Tried, now: datetime) -> datetime | None:
    if tried.outcome.ok or tried.outcome.status == GONE:
        return None
    wait = retries.after(tried.due.tries + 1, tried.outcome.retry_after)
    return None if wait is None else now + wait


def _learn(endpoint: Endpoint, batch: Sequence[Tried], now: datetime) -> None:
    """What these attempts say about the endpoint. Several went at once: the last in the batch counts as the latest."""
    succeeded = any(one.outcome.ok for one in batch)
    failed = [one for one in batch if not one.outcome.ok]
    asked_for = max((one.outcome.retry_after or 0 for one in failed), default=0)
    trailing = next((n for n, one in enumerate(reversed(batch)) if one.outcome.ok), len(batch))
    # Those that went at the same time are one reason to rest; so is a single one that held a worker all its time.
    more = 0 if succeeded else endpoint.failures
    trailing = max(trailing, retries.TROUBLED) if any(one.outcome.late for one in failed) else trailing
    endpoint.failures = min(more + trailing, max(retries.TROUBLED, more + 1))
    rest = retries.rest(endpoint.failures, asked_for) if trailing or asked_for else None
    endpoint.rests_until = now + rest if rest else None
    if succeeded:
        endpoint.last_success_at, endpoint.failing_since, endpoint.warned_at = now, None, None
    if failed:
        endpoint.last_failure_at = now
    if not succeeded and endpoint.failing_since is None and _several(endpoint, now):
        endpoint.failing_since = now
    endpoint.save(
        update_fields=["failures", "rests_until", "last_success_at", "last_failure_at", "failing_since", "warned_at"]
    )
    if endpoint.enabled and any(one.outcome.status == GONE for one in failed):
        states.disable(endpoint, "It answered 410 Gone: it wants no more events.", now=now)
    elif endpoint.enabled and endpoint.failing_since and not succeeded:
        _judge(endpoint, endpoint.failing_since, now)


def _several(endpoint: Endpoint, now: datetime) -> bool:
    lately = Attempt.objects.filter(endpoint=endpoint, at__gt=now - timedelta(hours=24), ok=False)
    return len(lately.values_list("pk", flat=True)[:SEVERAL]) == SEVERAL


def _judge(endpoint: Endpoint, since: datetime, now: datetime) -> None:
    if now - since >= DISABLE_AFTER:
        states.disable(endpoint, "Every attempt of five days has failed.", now=now)
    elif now - since >= WARN_AFTER and endpoint.warned_at is None:
        states.warn(endpoint, since, now=now)


def next_due(endpoint: Endpoint) -> datetime | None:
    """When something is next to be sent to it."""
    waiting = Delivery.objects.filter(endpoint=endpoint, state=Delivery.State.WAITING)
    return waiting.order_by("next_at").values_list("next_at", flat=True).first()
