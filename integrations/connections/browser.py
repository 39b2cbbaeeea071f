"""How one browser is known again when it comes back from a vendor: a random cookie, on the chapter's own host only."""

from __future__ import annotations

import secrets

from django.http import HttpRequest, HttpResponseBase

COOKIE = "signing_in"
_SECONDS = 900


def browser_of(request: HttpRequest) -> str:
    """The value to hand to `begin_oauth`: the one this browser has, or a fresh one for `remember`."""
    known = request.COOKIES.get(COOKIE, "")
    return known if len(known) >= 32 else secrets.token_urlsafe(32)


def remember(response: HttpResponseBase, request: HttpRequest, browser: str) -> None:
    """Sets the cookie on the response that sends the person to the vendor. Lax: it comes back with a followed link."""
    response.set_cookie(COOKIE, browser, max_age=_SECONDS, httponly=True, secure=request.is_secure(), samesite="Lax")
