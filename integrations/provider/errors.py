"""What can go wrong with a vendor. Providers raise these; the engine alone decides what follows."""

from __future__ import annotations


class ProviderError(Exception):
    """Something at the vendor did not work. The message is shown to people: it holds no secret and names the remedy."""


class AuthExpired(ProviderError):
    """The vendor refuses the credential: somebody has to reconnect."""


class RateLimited(ProviderError):
    """Asked too often. `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Temporary(ProviderError):
    """Likely to work later: a 5xx, a timeout, a half answer. `outcome_unknown`: the request may have taken effect."""

    def __init__(self, message: str, *, outcome_unknown: bool = False) -> None:
        super().__init__(message)
        self.outcome_unknown = outcome_unknown


class Permanent(ProviderError):
    """Will not work however often it is tried. `status` is the vendor's HTTP status, where there was one."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class BadRecord(ProviderError):
    """One record cannot be understood: it is quarantined, the run goes on. `field` is the canonical field."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class Unsupported(ProviderError):
    """The vendor, or our declaration of it, cannot do what was asked."""


def refusal(vendor: str, status: int | None, said: str, *, retry_after: float = 5) -> ProviderError:
    """The error for an HTTP status, for hooks whose vendor SDK hides the answer; None = there was none. `said` is the
    vendor's own sentence."""
    if status == 401:
        return AuthExpired(f"{vendor} refuses the credential: reconnect.")
    if status == 429:
        return RateLimited(f"{vendor} asks us to wait.", retry_after)
    if status is None or status >= 500:
        return Temporary(f"{vendor} did not answer as it should: try again later.", outcome_unknown=True)
    return Permanent(f"{vendor} says: {said[:300]}", status=status)
