"""Whoever is signed in is the origin of what their request changes. (The API names its keys itself: see `api.view`.)"""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection
from django.http import HttpRequest, HttpResponse

from . import origins

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class OriginMiddleware:
    """Stands after authentication. Only requests that may change something are asked who they are."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method in _SAFE or getattr(request, "chapter", None) is None:
            return self.get_response(request)
        origins.speak_for_the_request(origins.of_user(getattr(request, "user", None)))
        try:
            return self.get_response(request)
        finally:
            # A connection is kept for the next request, which names its own origin; a worker or shell does not.
            if connection.connection is not None and not connection.needs_rollback:
                origins.speak_for_the_request("")
