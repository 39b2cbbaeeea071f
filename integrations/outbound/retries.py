"""When a delivery is tried again, and when an endpoint is left alone."""

from __future__ import annotations

import random
from datetime import timedelta

# After the first attempt: the table of Standard Webhooks, with a last day.
AFTER = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
JITTER = 0.1

# From so many failures in a row on, an endpoint is asked with one delivery at a time.
TROUBLED = 5
FIRST_REST = timedelta(seconds=30)
LONGEST_REST = timedelta(hours=1)


def after(tries: int, asked_for: float | None = None) -> timedelta | None:
    """How long to wait after so many tries, or as long as the receiver asked for; None where it was the last."""
    if tries > len(AFTER):
        return None
    wait = AFTER[tries - 1] * random.uniform(1, 1 + JITTER)  # noqa: S311 spreads load, guards nothing
    return max(wait, timedelta(seconds=asked_for or 0))


def rest(failures: int, asked_for: float | None = None) -> timedelta | None:
    """How long an endpoint is left alone after so many failures in a row; None where it need not be."""
    own = min(FIRST_REST * 2 ** min(failures - TROUBLED, 10), LONGEST_REST) if failures >= TROUBLED else None
    if asked_for:
        return max(timedelta(seconds=asked_for), own or timedelta(0))
    return own
