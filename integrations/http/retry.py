"""What may be asked again by itself, and when."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from requests import PreparedRequest

from integrations.provider import Provider

from . import halt
from .budget import Budget

SAFE = frozenset(["GET", "HEAD", "OPTIONS"])
AGAIN = frozenset([408, 425, 429, 500, 502, 503, 504])
LONGEST_WAIT = 86_400.0
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 8.0


def is_safe(request: PreparedRequest, provider: Provider) -> bool:
    """Reads, and writes that carry a key by which the vendor knows the second one for the first."""
    if request.method in SAFE:
        return True
    names = {"idempotency-key"} | {
        resource.write.idempotency.lower()
        for resource in provider.resources
        if resource.write and resource.write.idempotency
    }
    return any(name.lower() in names and value for name, value in request.headers.items())


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from `Retry-After` as a number or as an HTTP date; None where it is absent or neither."""
    text = str(headers.get("retry-after", "")).strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    if not math.isfinite(seconds):
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT)


@dataclass
class Patience:
    """What is left of a request's attempts and of its time asleep."""

    attempts: int
    waiting: float
    made: int = 0

    @classmethod
    def of(cls, budget: Budget) -> Patience:
        return cls(attempts=budget.attempts, waiting=budget.waiting)

    def sleep(self, seconds: float) -> bool:
        """Sleeps, or says False when that is longer than what is left. Halted where nobody waits any more."""
        if seconds > self.waiting:
            return False
        if seconds > 0:
            self.waiting -= seconds
            halt.sleep(seconds)
        return True

    def before_next(self, asked_for: float | None) -> bool:
        """Sleeps before another attempt: what the vendor asked for and a little more, or full jitter. False: no more."""
        self.made += 1
        if self.made >= self.attempts:
            return False
        if asked_for is not None:
            return self.sleep(asked_for + random.uniform(0, 0.2))  # noqa: S311 spreads the load
        return self.sleep(random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**self.made)))  # noqa: S311
