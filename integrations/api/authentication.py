"""Who is asking: a partner system with a key, or a person with a session."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from . import keys
from .models import ApiKey

_SESSION_KEY = re.compile(r"[a-z0-9]{32}", re.ASCII)


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer chk_...`. A key is looked up in the chapter that was asked: another chapter's is unknown here.

    `request.auth` is the key; `request.user` stays anonymous, because a key is nobody.
    """

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        key = keys.find(token.strip())
        if key is None:
            raise AuthenticationFailed("This API key is not known here, or has expired or been revoked.")
        keys.touch(key)
        return AnonymousUser(), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Chapterhouse API"'


class SessionAuthentication(authentication.SessionAuthentication):
    """A person signed in to this chapter, with Django's CSRF protection.

    A cookie that cannot be a session's is nobody's, instead of an error in the database (it may hold a NUL).
    """

    def authenticate(self, request: Request) -> Any:
        if not _SESSION_KEY.fullmatch(request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")):
            return None
        return super().authenticate(request)
