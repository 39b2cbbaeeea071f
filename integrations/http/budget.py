"""How long one request may take and how much it may cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Seconds and bytes. `connect` and `read` bound each step of an attempt, `total` the whole attempt, `waiting` all the
    time spent asleep for the rate limit and between `attempts`; `size` is the largest answer, unpacked. `keeps_reserve`: the
    last of an hour's or a day's requests are left to others.
    """

    connect: float = 5
    read: float = 30
    total: float = 120
    waiting: float = 20
    attempts: int = 4
    size: int = 50_000_000
    keeps_reserve: bool = False


WORKER = Budget()
# Everything there is, read through: it can take a day's requests, and people's and the short runs' must not wait for it.
LOAD = Budget(keeps_reserve=True)
# Somebody is looking at the page.
PERSON = Budget(read=10, total=20, waiting=3, attempts=2)
# The credential's row is locked meanwhile, and a token request is never repeated blindly.
TOKEN = Budget(read=20, total=25, waiting=5, attempts=1)
