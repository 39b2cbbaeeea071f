"""Pages show the chapter's own time; the database keeps UTC."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone


class ChapterTimeMiddleware:
    """Activates the time zone of the chapter the request is for; the hub shows UTC."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        chapter = getattr(request, "chapter", None)
        with timezone.override(chapter.timezone if chapter else None):
            return self.get_response(request)
