"""What kinds of work there are: each slice registers its own in its `tasks.py`, which its app imports in `ready()`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    from .work import Work

Body = Callable[["Work"], None]
GivenUp = Callable[[dict[str, Any], str], None]
MAX_ATTEMPTS = 8


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How one kind of job is run. `lease` is in seconds: how long a silent worker is believed to be alive.
    `given_up(payload, reason)` is told, inside the chapter, when a job of this kind becomes a dead letter."""

    name: str
    body: Body
    max_attempts: int
    lease: int
    given_up: GivenUp | None = None


class UnknownKind(LookupError):
    """No code here runs that kind of job."""


_kinds: dict[str, Kind] = {}


def job(
    name: str, *, max_attempts: int = MAX_ATTEMPTS, lease: int | None = None, given_up: GivenUp | None = None
) -> Callable[[Body], Body]:
    """Register the decorated function as what runs jobs of this kind: `@job("sync.run")`, `def run(work: Work) -> None`.

    The body runs inside the job's chapter (in the hub for a job without one) and may run more than once: what it changes
    belongs in one transaction with `work.complete()` or behind `work.fence()`.
    """

    def register(body: Body) -> Body:
        known = _kinds.get(name)
        if known is not None and known.body is not body:
            raise RuntimeError(f"The kind of job '{name}' is registered twice.")
        seconds = lease or settings.JOB_LEASE_SECONDS
        _kinds[name] = Kind(name=name, body=body, max_attempts=max_attempts, lease=seconds, given_up=given_up)
        return body

    return register


def get(name: str) -> Kind:
    try:
        return _kinds[name]
    except KeyError:
        raise UnknownKind(f"No code here runs jobs of kind '{name}': deploy it, then replay.") from None


def max_attempts(name: str) -> int:
    """The limit of a kind, also of one that only another process knows."""
    return _kinds[name].max_attempts if name in _kinds else MAX_ATTEMPTS


def given_up(name: str) -> GivenUp | None:
    """Who is told when a job of the kind is given up; None where nobody is, or only another process knows the kind."""
    return _kinds[name].given_up if name in _kinds else None


def leases() -> dict[str, int]:
    """Kind -> lease in seconds."""
    return {kind.name: kind.lease for kind in _kinds.values()}
