"""The `state` of an authorisation: one-time, ten minutes, good only for the browser, person and chapter that began it."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from integrations.encryption import Secret
from integrations.hub.models import Chapter, OAuthState

from .errors import ConnectError

LIFETIME = timedelta(minutes=10)
REFUSED = "This sign-in was begun elsewhere, has been used already, or took longer than ten minutes. Begin it again."


def begin(
    *, chapter: Chapter, connection_id: UUID, app_id: UUID, user_id: int | None, browser: str, return_to: str
) -> tuple[str, Secret]:
    """The state for the vendor's address and the PKCE verifier. Sweeps what has long expired."""
    if len(browser) < 16:
        raise ConnectError(
            "The browser keeps no cookie, so a sign-in cannot be told from somebody else's. Allow cookies."
        )
    OAuthState.objects.filter(created_at__lt=timezone.now() - timedelta(days=1)).delete()
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    OAuthState.objects.create(
        state_hash=_hash(state),
        chapter=chapter,
        connection_id=connection_id,
        app_id=app_id,
        user_id=user_id,
        browser_hash=_hash(browser),
        code_verifier=verifier,
        return_to=return_to,
    )
    return state, Secret(verifier)


def look(state: str) -> OAuthState | None:
    """The authorisation under way, without using it up: only to know which chapter it belongs to."""
    return _live().select_related("chapter").filter(state_hash=_hash(state)).first()


def claim(state: str, browser: str, chapter: Chapter | None, user_id: int | None) -> OAuthState:
    """Uses the state up: of several who bring it, one gets it. ConnectError for everybody else, without saying why.

    `chapter` and `user_id`: where and who the bearer is, None where that is not known.
    """
    wanted = {"state_hash": _hash(state), "browser_hash": _hash(browser)}
    if chapter is not None:
        wanted["chapter_id"] = chapter.pk
    rows = _live().filter(**wanted)
    if user_id is not None:
        rows = rows.filter(user_id=user_id)
    if not browser or rows.update(used_at=timezone.now()) != 1:
        raise ConnectError(REFUSED)
    return OAuthState.objects.select_related("chapter").get(state_hash=_hash(state))


def _live() -> QuerySet[OAuthState]:
    return OAuthState.objects.filter(used_at__isnull=True, created_at__gt=timezone.now() - LIFETIME)


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
