"""An access token and how long it is good for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from integrations.encryption import Secret

_MARGIN = timedelta(seconds=90)


@dataclass(frozen=True, kw_only=True)
class Token:
    """`expires_at` None: the vendor named no end."""

    access: Secret
    obtained_at: datetime | None
    expires_at: datetime | None

    def is_stale(self, now: datetime) -> bool:
        """Whether it ends too soon to begin something with: within 90 seconds, or a quarter of a short life."""
        if self.expires_at is None:
            return False
        margin = _MARGIN
        if self.obtained_at is not None:
            margin = min(margin, (self.expires_at - self.obtained_at) / 4)
        return now >= self.expires_at - margin
