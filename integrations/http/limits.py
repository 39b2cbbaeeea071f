"""How fast a vendor's account may be asked, counted for all workers together.

A second and a minute are smooth buckets: a burst of a fifth, then evenly, so that burst and refill together never pass the
vendor's number in any window. An hour and a day are budgets that begin with the first request and are filled up when they
end: spreading a daily budget evenly would make a first sync take a day.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from integrations.provider import RateLimit

from . import shared
from .caller import Caller

# The lab is ours: the same path is run, wide enough that sample data is not slow.
LAB_FACTOR = 100
_BOUNDLESS = 1e9
# What long reads leave of an hour's and a day's requests, so that people and short runs are not starved by them.
RESERVE = 0.1

_TAKE = """
WITH wish AS (
    SELECT * FROM unnest(%(keys)s::text[], %(capacities)s::float8[], %(rates)s::float8[], %(periods)s::float8[],
        %(floors)s::float8[]) AS w (key, capacity, rate, period, floor)
), gate AS (
    SELECT failures, extract(epoch FROM open_until - clock_timestamp()) AS open_for
    FROM public.hub_breaker WHERE connection_id = %(connection)s
), taken AS (
    INSERT INTO public.hub_ratebucket AS bucket (key, tokens, updated_at)
    SELECT key, capacity - 1, clock_timestamp() FROM wish
    WHERE %(force)s OR NOT EXISTS (SELECT 1 FROM gate WHERE open_for > 0)
    ORDER BY key
    ON CONFLICT (key) DO UPDATE SET (tokens, updated_at) = (
        SELECT CASE
                WHEN w.rate > 0 THEN LEAST(w.capacity, bucket.tokens + w.rate * elapsed) - 1
                WHEN elapsed >= w.period THEN w.capacity - 1
                ELSE bucket.tokens - 1
            END,
            CASE WHEN w.rate > 0 OR elapsed >= w.period THEN clock_timestamp() ELSE bucket.updated_at END
        FROM wish w, LATERAL (
            SELECT GREATEST(0, extract(epoch FROM clock_timestamp() - bucket.updated_at)) AS elapsed
        ) AS clock
        WHERE w.key = EXCLUDED.key
    )
    RETURNING key, tokens, updated_at, blocked_until
)
SELECT
    (SELECT max(GREATEST(
        0,
        extract(epoch FROM blocked_until - clock_timestamp()),
        CASE
            WHEN tokens >= floor THEN 0
            WHEN rate > 0 THEN -tokens / rate
            ELSE period - extract(epoch FROM clock_timestamp() - updated_at)
        END
    ))::float8 FROM taken JOIN wish USING (key)),
    (SELECT failures FROM gate),
    (SELECT open_for::float8 FROM gate)
"""

_GIVE_BACK = "UPDATE public.hub_ratebucket SET tokens = tokens + 1 WHERE key = ANY(%(keys)s)"

_BLOCK = """
INSERT INTO public.hub_ratebucket AS bucket (key, tokens, updated_at, blocked_until)
VALUES (%(key)s, %(capacity)s, clock_timestamp(), clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (key) DO UPDATE SET blocked_until = GREATEST(bucket.blocked_until, EXCLUDED.blocked_until)
"""


@dataclass(frozen=True, kw_only=True)
class Window:
    """`rate` is in requests per second; 0 means a budget that is filled up after `period` seconds."""

    key: str
    capacity: float
    rate: float
    period: float

    @property
    def reserve(self) -> float:
        """How many of a budget's requests a long read leaves to others."""
        return 0.0 if self.rate else float(int(self.capacity * RESERVE))


@dataclass(frozen=True, kw_only=True)
class Turn:
    """`wait` seconds until the request may leave; the breaker's consecutive `failures`, and for how long it is open."""

    wait: float
    failures: int
    open_for: float


def windows(caller: Caller) -> list[Window]:
    """The vendor's limits as buckets of the caller's account. Never empty: the first one carries Retry-After."""
    limits, factor = caller.provider.limits, LAB_FACTOR if caller.environment == "lab" else 1
    found = [*_smooth(caller, limits, factor), *_budgets(caller, limits, factor)]
    return found or [Window(key=_key(caller, "any"), capacity=_BOUNDLESS, rate=_BOUNDLESS, period=1)]


def take(caller: Caller, buckets: list[Window], *, force: bool = False, keeps_reserve: bool = False) -> Turn:
    """One statement: takes a token from each bucket, into debt where there is none, which is the place in the queue. With
    `keeps_reserve` the reserve of a budget counts as spent.

    Nothing is taken while the breaker is open, unless `force`.
    """
    ((wait, failures, open_for),) = shared.execute(
        _TAKE,
        {
            "keys": [bucket.key for bucket in buckets],
            "capacities": [float(bucket.capacity) for bucket in buckets],
            "rates": [float(bucket.rate) for bucket in buckets],
            "periods": [float(bucket.period) for bucket in buckets],
            "floors": [bucket.reserve if keeps_reserve else 0.0 for bucket in buckets],
            "connection": caller.connection_id,
            "force": force,
        },
    )
    return Turn(wait=wait or 0.0, failures=failures or 0, open_for=max(open_for or 0.0, 0.0))


def give_back(buckets: list[Window]) -> None:
    """The caller does not wait that long: its place in the queue is free again."""
    shared.execute(_GIVE_BACK, {"keys": [bucket.key for bucket in buckets]})


def block(buckets: list[Window], seconds: float) -> None:
    """The vendor said Retry-After: nobody asks this account before."""
    first = buckets[0]
    shared.execute(_BLOCK, {"key": first.key, "capacity": first.capacity, "seconds": seconds})


def _smooth(caller: Caller, limits: RateLimit, factor: int) -> list[Window]:
    found = []
    for name, declared, period in (("second", limits.per_second, 1), ("minute", limits.per_minute, 60)):
        if declared:
            allowed = declared * factor
            burst = max(1, allowed // 5)
            rate = max(allowed - burst, 1) / period
            found.append(Window(key=_key(caller, name), capacity=burst, rate=rate, period=period))
    return found


def _budgets(caller: Caller, limits: RateLimit, factor: int) -> list[Window]:
    return [
        Window(key=_key(caller, name), capacity=declared * factor, rate=0, period=period)
        for name, declared, period in (("hour", limits.per_hour, 3600), ("day", limits.per_day, 86_400))
        if declared
    ]


def _key(caller: Caller, window: str) -> str:
    account = caller.account
    if len(account) > 100:
        account = hashlib.sha256(account.encode()).hexdigest()
    return f"{caller.provider.slug}|{caller.environment}:{account}|{window}"
