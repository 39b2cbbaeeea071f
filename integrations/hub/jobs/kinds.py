"""What kinds of work there are: each slice registers its own in its `tasks.py`, which its app imports in `ready()`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from .work import Work

Body = Callable[["Work"], None]
MAX_ATTEMPTS = 8


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How one kind of job is run. `lease` is in seconds: how long a silent worker is believed to be alive."""

    name: str
    body: Body
    max_attempts: int
    lease: int


class UnknownKind(LookupError):
    """No code here runs that kind of job."""


_kinds: dict[str, Kind] = {}


def job(name: str, *, max_attempts: int = MAX_ATTEMPTS, lease: int | None = None) -> Callable[[Body], Body]:
    """Register the decorated function as what runs jobs of this kind: `@job("sync.run")`, `def run(work: Work) -> None`.

    The body runs inside the job's chapter (in the hub for a job without one) and may run more than once: what it changes
    belongs in one transaction with `work.complete()` or behind `work.fence()`.
    """

    def register(body: Body) -> Body:
        known = _kinds.get(name)
        if known is not None and known.body is not body:
            raise RuntimeError(f"The kind of job '{name}' is registered twice.")
        _kinds[name] = Kind(name=name, body=body, max_attempts=max_attempts, lease=lease or settings.JOB_LEASE_SECONDS)
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


def leases() -> dict[str, int]:
    """Kind -> lease in seconds."""
    return {kind.name: kind.lease for kind in _kinds.values()}
