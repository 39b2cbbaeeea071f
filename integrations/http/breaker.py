"""A connection whose vendor keeps failing is left alone for a while.

Failures are counted, not timed: a vendor that fails at once must trip it too. After the pause one request may try; its
success closes the breaker, its failure doubles the pause.
"""

from __future__ import annotations

from uuid import UUID

from . import shared

THRESHOLD = 5
FIRST_PAUSE = 60
LONGEST_PAUSE = 3600
# While one worker tries, the others see the breaker open: longer than any request, in case that worker dies.
_PROBE_LEASE = 180

_FAILED = """
INSERT INTO public.hub_breaker AS b (connection_id, failures, updated_at) VALUES (%(id)s, 1, clock_timestamp())
ON CONFLICT (connection_id) DO UPDATE SET
    failures = b.failures + 1,
    open_until = CASE WHEN b.failures + 1 >= %(threshold)s THEN clock_timestamp() + make_interval(secs =>
        LEAST(%(longest)s, %(first)s * 2.0 ^ LEAST(b.failures + 1 - %(threshold)s, 20))) END,
    updated_at = clock_timestamp()
WHERE %(probe)s OR b.open_until IS NULL OR b.open_until <= clock_timestamp()
"""

_SUCCEEDED = """
UPDATE public.hub_breaker SET failures = 0, open_until = NULL, updated_at = clock_timestamp() WHERE connection_id = %(id)s
"""

_CLAIM = """
UPDATE public.hub_breaker SET open_until = clock_timestamp() + make_interval(secs => %(lease)s), updated_at = clock_timestamp()
WHERE connection_id = %(id)s AND failures >= %(threshold)s AND open_until <= clock_timestamp()
RETURNING 1
"""


def failed(connection_id: UUID, *, probe: bool) -> None:
    """One more failure in a row. Those that were under way when the breaker opened do not count again."""
    shared.execute(
        _FAILED,
        {
            "id": connection_id,
            "threshold": THRESHOLD,
            "first": FIRST_PAUSE,
            "longest": LONGEST_PAUSE,
            "probe": probe,
        },
    )


def succeeded(connection_id: UUID) -> None:
    shared.execute(_SUCCEEDED, {"id": connection_id})


def claim_probe(connection_id: UUID) -> bool:
    """Whether the caller is the one that may try after the pause."""
    return bool(shared.execute(_CLAIM, {"id": connection_id, "lease": _PROBE_LEASE, "threshold": THRESHOLD}))
