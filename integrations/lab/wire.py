"""Requests and answers as the lab sees them, and JSON with every digit as the sample wrote it."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

import orjson

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
REASONS = {
    200: "OK", 201: "Created", 204: "No Content", 302: "Found", 304: "Not Modified", 400: "Bad Request",
    401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict",
    429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Request:
    """`host` and `path` are the vendor's, taken from `/HOST/PATH`; header names are lower-case."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @cached_property
    def json(self) -> Any:
        return read_json(self.body)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`cut`: only half of the promised bytes are sent; `dropped`: none of them, the line goes dead."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"
    cut: bool = False
    dropped: bool = False

    def send(self, start_response: StartResponse) -> Iterable[bytes]:
        headers = {"Content-Type": self.content_type, "Content-Length": str(len(self.body)), **self.headers}
        start_response(f"{self.status} {REASONS.get(self.status, 'Answer')}", list(headers.items()))
        if self.dropped:
            return _nothing()
        return _half(self.body) if self.cut else [self.body]


def _nothing() -> Iterator[bytes]:
    """What was done is done, and nobody hears of it."""
    raise ConnectionResetError(errno.ECONNRESET, "the lab was asked to say nothing")
    yield b""


def _half(body: bytes) -> Iterator[bytes]:
    """Half of it, then the line goes dead: the server closes the connection, as it would after a client hung up."""
    yield body[: len(body) // 2]
    raise ConnectionResetError(errno.ECONNRESET, "the lab was asked to break off")


class Refusal(Exception):
    """The vendor says no: a status and a sentence."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers or {}


def request_of(environ: Mapping[str, Any]) -> Request:
    raw = environ.get("PATH_INFO", "/").encode("latin-1").decode("utf-8", "replace")
    _, _, rest = raw.partition("/")
    host, slash, path = rest.partition("/")
    length = int(environ.get("CONTENT_LENGTH") or 0)
    headers = {
        name[5:].replace("_", "-").lower(): str(value) for name, value in environ.items() if name.startswith("HTTP_")
    }
    headers["content-type"] = str(environ.get("CONTENT_TYPE", ""))
    return Request(
        method=environ["REQUEST_METHOD"],
        host=host,
        path=slash + path,
        query=dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)),
        headers=headers,
        body=environ["wsgi.input"].read(length) if length else b"",
    )


def read_json(raw: bytes) -> Any:
    """Numbers with a decimal point stay decimals: a sample's 46.00 is sent as 46.00."""
    return json.loads(raw, parse_float=Decimal)


def json_bytes(value: Any) -> bytes:
    def decimal(number: Any) -> orjson.Fragment:
        if isinstance(number, Decimal):
            return orjson.Fragment(format(number, "f"))
        raise TypeError(type(number).__name__)

    return orjson.dumps(value, default=decimal)
