"""Which chapter a request is for: decided by its host, before anything else reads the database."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound

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
        host = request.get_host().rpartition(":")[0] or request.get_host()
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


def health() -> HttpResponse:
    """200 "ok" when this process answers and reaches its database. Asked by machines, under any host name."""
    connection.set_schema_to_public()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return HttpResponse("database unreachable\n", status=503, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")


def _not_found() -> HttpResponse:
    return HttpResponseNotFound("<h1>Not found</h1><p>No chapter answers at this address.</p>")
