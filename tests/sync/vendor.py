"""A small vendor over real HTTP, and a door to it: what the engine is tested against."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import requests
from cheroot.wsgi import Server

from integrations.http.decode import decode
from integrations.provider import AuthExpired, Permanent, RateLimited, Temporary


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Route = Callable[[Asked], Reply]


class Vendor:
    """Routes by path; everything asked is kept in `asked`. `faults` are replies that come first, one per request."""

    def __init__(self) -> None:
        self.server = Server(("127.0.0.1", 0), self._answer, numthreads=4)
        self.server.prepare()
        self.url = f"http://127.0.0.1:{self.server.bind_addr[1]}"
        threading.Thread(target=self.server.serve, daemon=True).start()
        self.reset()

    def reset(self) -> None:
        self.routes: dict[str, Route] = {}
        self.asked: list[Asked] = []
        self.faults: list[Reply | None] = []

    def stop(self) -> None:
        self.server.stop()

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        asked = Asked(
            environ["REQUEST_METHOD"],
            environ["PATH_INFO"],
            dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True)),
            {key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key.startswith("HTTP_")},
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)),
        )
        self.asked.append(asked)
        reply = (self.faults.pop(0) if self.faults else None) or self._route(asked)
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        start(f"{reply.status} X", [("Content-Type", "application/json"), *reply.headers.items()])
        return [body]

    def _route(self, asked: Asked) -> Reply:
        route = self.routes.get(asked.path)
        return route(asked) if route else Reply({"message": "no such thing"}, 404)

    # --- ways to hand out a list --------------------------------------------------------------------------------------

    def lists(self, path: str, records: list[Any], name: str = "items") -> None:
        """By page number, offset or token, whichever is asked for; `since` filters on `updated`."""

        def route(asked: Asked) -> Reply:
            found = records
            if since := asked.headers.get("if-modified-since") or asked.query.get("since"):
                found = [one for one in records if one["updated"] >= since]
            size = int(asked.query.get("size", 100))
            start = int(asked.query.get("offset") or asked.query.get("after") or 0)
            start = (int(asked.query["page"]) - 1) * size if "page" in asked.query else start
            page = found[start : start + size]
            more = start + size < len(found)
            return Reply({name: page, "total": len(found), "more": more, "next": str(start + size) if more else None})

        self.routes[path] = route


@dataclass(frozen=True)
class TinyAnswer:
    status: int
    headers: dict[str, str]
    body: bytes
    url: str


class TinyDoor:
    def __init__(self, connection: Any, url: str) -> None:
        self.connection, self.base_url, self.session = connection, url, requests.Session()

    def fetch(self, method, url_or_path, *, params=None, json=None, form=None, headers=None) -> TinyAnswer:
        url = url_or_path if "://" in url_or_path else f"{self.base_url}{url_or_path}"
        try:
            answer = self.session.request(method, url, params=params, json=json, data=form, headers=headers, timeout=10)
        except requests.RequestException:
            raise Temporary("Testbook broke off.", outcome_unknown=method != "GET") from None
        if answer.status_code == 401:
            raise AuthExpired(f"Testbook refused the token: reconnect the connection '{self.connection.name}'.")
        if answer.status_code == 429:
            raise RateLimited("Testbook was asked too often.", float(answer.headers["retry-after"]))
        if answer.status_code >= 500:
            raise Temporary(f"Testbook has a fault of its own ({answer.status_code}).")
        if answer.status_code >= 400:
            raise Permanent(f"Testbook refused the request ({answer.status_code}).", status=answer.status_code)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return TinyAnswer(answer.status_code, headers, answer.content, answer.url)

    def decoded(self, answer: TinyAnswer, *, exact: bool = False) -> Any:
        try:
            return decode(answer.body, exact=exact)
        except Temporary:
            raise Temporary("Testbook answered with something that is not JSON.") from None


def tiny_door(url: str) -> Callable[..., Any]:
    """What stands in for `integrations.http.open_door`."""

    @contextmanager
    def open_door(connection: Any, **_: Any) -> Iterator[TinyDoor]:
        try:
            yield TinyDoor(connection, url)
        except AuthExpired:
            type(connection).objects.filter(pk=connection.pk).update(status=connection.Status.EXPIRED)
            raise

    return open_door
