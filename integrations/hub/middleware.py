"""Which chapter a request is for, decided by its host; and whether what it holds can be stored at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, UnreadablePostError
from django.views.defaults import bad_request

from .models import Domain
from .tenancy import ChapterUnavailable, enter

GetResponse = Callable[[HttpRequest], HttpResponse]


class ChapterMiddleware:
    """Enters the chapter whose domain was asked for, or stays in the hub on the hub's own host.

    An unknown host, a suspended chapter and a chapter without a schema get the same 404.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info == "/healthz":
            return health()
        asked = request.get_host().lower()
        host = asked.rpartition(":")[0] or asked
        connection.set_schema_to_public()
        if host == settings.HUB_DOMAIN:
            request.urlconf = settings.HUB_URLCONF  # type: ignore[attr-defined]
            request.chapter = None  # type: ignore[attr-defined]
            return self.get_response(request)
        chapter_id = Domain.objects.filter(domain=host).values_list("tenant_id", flat=True).first()
        if chapter_id is None:
            return _not_found()
        try:
            with enter(chapter_id) as chapter:
                request.chapter = chapter  # type: ignore[attr-defined]
                return self.get_response(request)
        except ChapterUnavailable:
            return _not_found()


class StorableTextMiddleware:
    """A page's request with text that PostgreSQL does not store (a NUL, half of a surrogate pair) in its address, its cookies
    or its form gets a 400 page. The API, whose views are exempt from form checks, names the value that is wrong by itself."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if getattr(view, "csrf_exempt", False) or all(map(_storable, _texts(request))):
            return None
        return bad_request(request, BadRequest())


def health() -> HttpResponse:
    """200 "ok" when this process answers and reaches its database. Asked by machines, under any host name."""
    connection.set_schema_to_public()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return HttpResponse("database unreachable\n", status=503, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")


def _texts(request: HttpRequest) -> Iterator[str]:
    yield request.path_info
    yield from request.COOKIES.values()
    forms = [request.GET]
    with suppress(UnreadablePostError):  # whoever reads it next says so
        forms.append(request.POST)
    for form in forms:
        for name, values in form.lists():
            yield name
            yield from values


def _storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


def _not_found() -> HttpResponse:
    return HttpResponseNotFound("<h1>Not found</h1><p>No chapter answers at this address.</p>")
