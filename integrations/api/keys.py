"""API keys: issued once, shown once, kept as a hash, looked up within the chapter one is inside."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet
from django.utils import timezone

from .models import ApiKey
from .scopes import SCOPES

if TYPE_CHECKING:
    from django.contrib.auth.models import User

TOKEN = re.compile(r"chk_([a-z0-9]{10})_([A-Za-z0-9_-]{43})", re.ASCII)
TOUCHED_EVERY = timedelta(minutes=1)
_NOBODYS_HASH = hashlib.sha256(b"").hexdigest()


def issue(
    *, name: str, scopes: Iterable[str], created_by: User | None = None, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """A new key and its token, `chk_<prefix>_<secret>`: the only moment at which the token is known.

    ValueError for a scope that does not exist, or none, and for a name that is empty or over 100 characters.
    """
    if not 1 <= len(name.strip()) <= 100:
        raise ValueError("A name of 1 to 100 characters says whose key it is.")
    chosen = sorted(set(scopes))
    unknown = [scope for scope in chosen if scope not in SCOPES]
    if unknown or not chosen:
        raise ValueError(f"Scopes are {', '.join(SCOPES)}; not {', '.join(unknown) or 'none at all'}.")
    prefix = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(10))
    secret = secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        name=name.strip(),
        prefix=prefix,
        secret_hash=_hash(secret),
        scopes=chosen,
        created_by=created_by,
        expires_at=expires_at,
    )
    return key, f"chk_{prefix}_{secret}"


def find(token: str) -> ApiKey | None:
    """The key that the token opens in this chapter; None when it is malformed, unknown, wrong, expired or revoked."""
    match = TOKEN.fullmatch(token)
    if match is None:
        return None
    key = ApiKey.objects.filter(prefix=match[1]).first()
    right = hmac.compare_digest(key.secret_hash if key else _NOBODYS_HASH, _hash(match[2]))
    if key is None or not right or not _is_valid(key):
        return None
    return key


def touch(key: ApiKey) -> None:
    """Note that the key was used; at most once a minute, so that reading does not become writing."""
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at < now - TOUCHED_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - TOUCHED_EVERY)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


def revoke(chosen: QuerySet[ApiKey]) -> int:
    """These keys open nothing from now on; how many did until now. Revoking again keeps the first time."""
    return chosen.filter(revoked_at=None).update(revoked_at=timezone.now())


def _is_valid(key: ApiKey) -> bool:
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > timezone.now())


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
