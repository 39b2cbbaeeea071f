"""How a body says that its job did not end well. Anything else it raises is a failure: tried again later, then given up."""

from __future__ import annotations

import random
from datetime import timedelta

from django.conf import settings
from django.utils.module_loading import import_string

LONGEST_BACKOFF = timedelta(hours=1)
LONGEST_REASON = 2_000


class LeaseLost(Exception):
    """Another worker has this job now: whatever was about to be written must not be."""


class Retry(Exception):
    """Run the job again after so many seconds, because somebody said when (a vendor's Retry-After, a pause).

    Not counted as an attempt: a job may wait as often as it is told to. For a failure raise the failure itself.
    """

    def __init__(self, after_seconds: float, reason: str) -> None:
        super().__init__(reason)
        self.after = timedelta(seconds=after_seconds)


class Fail(Exception):
    """Give the job up at once: trying again would not help. The reason is for people."""


def backoff(attempt: int) -> timedelta:
    """How long to wait after the nth failed attempt: about 10 s, 30 s, 90 s, ... one hour, spread so that jobs which
    failed together do not come back together."""
    longest = min(timedelta(seconds=settings.JOB_BACKOFF_SECONDS) * 3 ** min(attempt - 1, 10), LONGEST_BACKOFF)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 spreads load, guards nothing


def reason(error: BaseException) -> str:
    """What went wrong, in words that are safe to keep and to show: settings.JOB_REDACT takes the secrets out."""
    said = str(error)
    text = said if isinstance(error, (Retry, Fail)) and said else f"{type(error).__name__}: {said}"
    return storable(redact(text))[:LONGEST_REASON]


def redact(text: str) -> str:
    return str(import_string(settings.JOB_REDACT)(text)) if settings.JOB_REDACT else text


def storable(text: str) -> str:
    """PostgreSQL takes no NUL and no lone surrogate."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
