"""Sessions with the house's transport under them."""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy
from typing import TypeVar

import requests

from .transport import Transport

USER_AGENT = "Chapterhouse/0.1 (+https://chapterhouse.example)"

AnySession = TypeVar("AnySession", bound=requests.Session)


def through(session: AnySession, transport: Transport) -> AnySession:
    """The session, sending everything through the transport: no environment proxies, no .netrc, no cookies kept."""
    session.trust_env = False
    session.proxies.clear()
    session.adapters.clear()
    session.mount("https://", transport)
    session.mount("http://", transport)  # which refuses it, with a reason
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["User-Agent"] = USER_AGENT
    return session
