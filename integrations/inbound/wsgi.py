"""The door deliveries come through: before Django's middleware, which would cost more than all the rest.

`/api/v1/webhooks/{provider}/{chapter}`, or without the chapter where one address serves all of them, on every host. The chapter
is not entered. No answer has a cookie or, but for a challenge, a body.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from integrations.provider import Delivery

from . import refusals, wishes
from .intake import REFUSED, Answer, Kept, receive

log = logging.getLogger(__name__)
Environ = dict[str, Any]
App = Callable[[Environ, Any], Iterable[bytes]]

# A provider's slug has no digit in front and an id has five groups: `/api/v1/webhooks/{id}` of our own endpoints is not meant.
ADDRESS = re.compile(r"/api/v1/webhooks/([a-z][a-z0-9]*(?:-[a-z0-9]+){0,3})(?:/([a-z][a-z0-9-]{1,39}))?/?", re.ASCII)
TOO_LARGE, AWAY = Answer(413), Answer(503)
_REASONS = {200: "200 OK", 401: "401 Unauthorized", 413: "413 Content Too Large", 503: "503 Service Unavailable"}


class Intake:
    """A WSGI application that takes deliveries, and leaves everything else to the one behind it."""

    def __init__(self, application: App) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        found = ADDRESS.fullmatch(environ.get("PATH_INFO", ""))
        if found is None:
            return self.application(environ, start_response)
        answer = self._answer(environ, found[1], found[2])
        headers = [("Content-Length", str(len(answer.body)))]
        if answer.body:
            headers += [("Content-Type", answer.content_type), ("X-Content-Type-Options", "nosniff")]
        if answer is AWAY:
            headers += [("Retry-After", "5")]
        start_response(_REASONS[answer.status], headers)
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [answer.body]

    def _answer(self, environ: Environ, provider: str, chapter: str | None) -> Answer:
        delivery = read(environ)
        if delivery is None:
            return TOO_LARGE
        try:
            answer, kept = _received(provider, chapter, delivery)
        except (DatabaseError, InterfaceError) as error:  # it was not kept, so the vendor has to come again
            log.warning("A delivery could not be kept: %s", type(error).__name__)
            connection.close()
            return AWAY
        if kept is not None:
            wishes.wish(kept)
        if answer is REFUSED:
            refusals.count(provider)
        return answer


def _received(provider: str, chapter: str | None, delivery: Delivery) -> tuple[Answer, Kept | None]:
    """A connection that died since the last request is replaced, once."""
    connection.set_schema_to_public()
    try:
        return receive(provider, chapter, delivery)
    except (DatabaseError, InterfaceError):
        if connection.connection is not None and connection.is_usable():
            raise
        connection.close()
        return receive(provider, chapter, delivery)


def read(environ: Environ) -> Delivery | None:
    """The delivery as it came; None where it is larger than allowed, which is known before more than that is read."""
    most = settings.WEBHOOK_MAX_BYTES
    told = environ.get("CONTENT_LENGTH") or "0"
    length = int(told) if told.isascii() and told.isdigit() and len(told) < 12 else most + 1
    if length > most:
        return None
    stream = environ["wsgi.input"]
    if not length and environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        body = stream.read(most + 1)
    else:
        body = stream.read(length) if length else b""
    if len(body) > most:
        return None
    names = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    if environ.get("CONTENT_TYPE"):
        names["content-type"] = environ["CONTENT_TYPE"]
    query = environ.get("QUERY_STRING", "")
    url = settings.PUBLIC_URL.rstrip("/") + environ.get("PATH_INFO", "") + (f"?{query}" if query else "")
    return Delivery(body=body, headers=names, method=environ.get("REQUEST_METHOD", "POST"), url=url)
