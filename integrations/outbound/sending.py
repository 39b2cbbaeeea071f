"""Sending what is due to an endpoint: a batch at a time, by a few threads, which know nothing of the database.

Read, sent, and saved with the job's fence: a worker that dies after sending has saved nothing, and its batch is sent again,
with the same ids. The job is the claim: one endpoint is sent to by one worker at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from integrations.encryption import CannotDecrypt
from integrations.http.receiver import Outcome, Receiver
from integrations.http.redaction import redact

from . import outcomes, retries, signing
from .models import Delivery, Endpoint, EndpointSecret, public_id

AT_ONCE = 200
CONNECTIONS = 8
PROBED_AT_ONCE = 32
TURN_SECONDS = 10.0


class Fence(Protocol):
    def fence(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A delivery to be tried: `tries` so many times before."""

    id: UUID
    endpoint: UUID
    event: UUID
    tries: int
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    due: Due
    at: datetime
    outcome: Outcome


def send(endpoint: Endpoint, work: Fence | None = None, *, now: datetime | None = None) -> Endpoint:
    """Send what is due, until nothing is, the endpoint has to rest, or others want the worker; returns it as it is then. `now`:
    as if it were then."""
    ends = time.monotonic() + TURN_SECONDS
    courier = Courier.of(endpoint)
    more = True
    try:
        while more and endpoint.enabled and endpoint.rests_until is None and time.monotonic() < ends:
            batch = due(endpoint, now or timezone.now(), AT_ONCE)
            if batch:
                saved = outcomes.save({endpoint.pk: courier.carry(batch)}, work, now=now)
                endpoint = saved.get(endpoint.pk, endpoint)
            more = len(batch) == AT_ONCE
    finally:
        courier.close()
    return endpoint


def probe(work: Fence | None = None, *, now: datetime | None = None) -> None:
    """Ask every endpoint that has rested, with the delivery that has waited longest; all at the same time."""
    moment = now or timezone.now()
    rested = list(
        Endpoint.objects.filter(enabled=True, rests_until__lte=moment).order_by("rests_until")[:PROBED_AT_ONCE]
    )
    asked = [(Courier.of(one), batch) for one in rested if (batch := due(one, moment, 1))]
    if not asked:
        return
    with ThreadPoolExecutor(len(asked), thread_name_prefix="probe") as threads:
        tried = list(threads.map(lambda pair: pair[0].carry(pair[1]), asked))
    for courier, _ in asked:
        courier.close()
    outcomes.save({found[0].due.endpoint: found for found in tried}, work, now=now)


def due(endpoint: Endpoint, now: datetime, most: int) -> list[Due]:
    waiting = Delivery.objects.filter(endpoint=endpoint, state=Delivery.State.WAITING, next_at__lte=now)
    rows = waiting.order_by("next_at", "pk").values_list("pk", "event_id", "tries", "event__body")[:most]
    return [Due(id=pk, endpoint=endpoint.pk, event=event, tries=tries, body=body) for pk, event, tries, body in rows]


class Courier:
    """Signs and posts an endpoint's deliveries. Made where the database is; carries wherever."""

    def __init__(self, url: str, secrets: Sequence[str], failures: int) -> None:
        self._receiver = Receiver(url, connections=CONNECTIONS)
        self._secrets = secrets
        self._keys = [signing.key_of(secret) for secret in secrets]
        self._failures = failures
        self._counting = threading.Lock()

    @classmethod
    def of(cls, endpoint: Endpoint) -> Courier:
        return cls(endpoint.url, secrets_of(endpoint), endpoint.failures)

    def close(self) -> None:
        self._receiver.close()

    def carry(self, batch: Sequence[Due]) -> list[Tried]:
        """Try these; not those that would only find what several before them have found."""
        if len(batch) == 1:
            return [self._post(batch[0])]
        with ThreadPoolExecutor(min(CONNECTIONS, len(batch)), thread_name_prefix="sending") as threads:
            return [tried for tried in threads.map(self._try, batch) if tried is not None]

    def _try(self, one: Due) -> Tried | None:
        if self._failures >= retries.TROUBLED:
            return None
        tried = self._post(one)
        with self._counting:
            if tried.outcome.ok:
                self._failures = 0
            elif tried.outcome.status == outcomes.GONE or tried.outcome.retry_after or tried.outcome.late:
                self._failures = retries.TROUBLED
            else:
                self._failures += 1
        return tried

    def _post(self, one: Due) -> Tried:
        at, body = timezone.now(), one.body.encode()
        if not self._keys:
            outcome = Outcome(status=None, milliseconds=0, error="Its secret cannot be read: rotate it.")
            return Tried(due=one, at=at, outcome=outcome)
        headers = signing.headers(public_id(one.event), int(at.timestamp()), body, self._keys)
        found = self._receiver.post(body, headers)
        if found.answer:
            said = redact(found.answer, *self._secrets)
            found = replace(found, answer=said)
        return Tried(due=one, at=at, outcome=found)


def secrets_of(endpoint: Endpoint) -> list[str]:
    """Those that are valid, the newest first. One that cannot be read is none."""
    valid = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    found = []
    for row in EndpointSecret.objects.filter(valid, endpoint=endpoint).order_by("-pk"):
        try:
            secret = row.secret
        except CannotDecrypt:
            continue
        found += [secret.reveal()] if secret else []
    return found
