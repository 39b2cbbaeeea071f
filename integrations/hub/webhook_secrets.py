"""What a vendor signs its deliveries with: several secrets while one replaces the other.

Kept as a JSON list of `{"secret": text, "until": Unix seconds or null}`, newest first, sealed with the master key: they are
needed before a chapter is entered.
"""

from __future__ import annotations

import json
import secrets as randomness
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from integrations.encryption import Secret

OVERLAP_SECONDS = 24 * 3600
MOST = 5


@dataclass(frozen=True, kw_only=True)
class Known:
    secret: str
    until: float | None = None

    def __repr__(self) -> str:
        return f"Known(****, until={self.until})"


def stored(text: str) -> list[Known]:
    return [Known(secret=one["secret"], until=one["until"]) for one in json.loads(text)] if text else []


def kept(several: Iterable[Known]) -> str:
    return json.dumps([{"secret": one.secret, "until": one.until} for one in several])


def valid(several: Iterable[Known], now: float) -> tuple[bytes, ...]:
    """Those that are valid now, as they are compared with."""
    return tuple(one.secret.encode() for one in several if one.until is None or one.until > now)


def replaced(several: Iterable[Known], new: str, *, now: float, overlap: float = OVERLAP_SECONDS) -> list[Known]:
    """The new one first; those there were go on for as long as `overlap` says."""
    old = [one for one in several if one.secret != new and (one.until is None or one.until > now)]
    return [Known(secret=new), *(Known(secret=one.secret, until=min(one.until or 1e18, now + overlap)) for one in old)][
        :MOST
    ]


def put(row: Any, new: str, *, overlap: float = OVERLAP_SECONDS) -> None:
    """Have a route or an app know a new secret, beside the old ones for a while. The caller saves the row."""
    found = row.webhook_secrets
    old = stored(found.reveal()) if found else []
    row.webhook_secrets = Secret(kept(replaced(old, new, now=time.time(), overlap=overlap)))


def made() -> str:
    """A new secret, or token of an address."""
    return randomness.token_urlsafe(32)
