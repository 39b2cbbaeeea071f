"""The declared rate limits, counted: a client that keeps to them never sees a refusal."""

from __future__ import annotations

import threading
import time
from collections import deque

from integrations.provider import Provider

from .wire import Refusal

SECONDS = {"per_second": 1, "per_minute": 60, "per_hour": 3600, "per_day": 86_400}


class Windows:
    """Sliding windows per provider, account and limit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[tuple[str, str, str], deque[float]] = {}

    def pass_or_refuse(self, provider: Provider, account: str) -> None:
        now = time.monotonic()
        with self._lock:
            for name, seconds in SECONDS.items():
                allowed = getattr(provider.limits, name)
                if allowed is None:
                    continue
                calls = self._calls.setdefault((provider.slug, account, name), deque())
                while calls and calls[0] <= now - seconds:
                    calls.popleft()
                if len(calls) >= allowed:
                    wait = max(1, round(calls[0] + seconds - now))
                    raise Refusal(
                        429, f"More than {allowed} requests {name.replace('_', ' ')}.", {"Retry-After": str(wait)}
                    )
                calls.append(now)
