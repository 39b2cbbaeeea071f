"""The vendor of the fault scenarios, in a process of its own: `python -m tests.faults.vendor` says its port and serves.

It knows the caller by the key, answers slowly enough to be interrupted anywhere, and goes wrong on request: at random, from a
seed. `POST /_vendor` sets {"size", "round", "delay", "faults": {"seed", "rate", "chapter"}}; `GET /_vendor` says what was asked.
"""

from __future__ import annotations

import json
import random
import socket
import struct
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from . import records
from .records import Size

HOST = "faultbook.example"
CHAPTERS = {f"Bearer {key}": chapter for chapter, key in records.KEYS.items()}
# What a request meets; none a second time before all the others.
FAULTS = (
    "429", "429 for long", "500", "503", "half a body", "no answer", "reset", "cut JSON", "a web page", "no list", "null",
    "renamed", "retyped", "no keys", "twice", "nonsense",
)  # fmt: skip
LONGER_THAN_ANYBODY_WAITS = 1.6


class State:
    """What was set, and what was asked."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.size, self.round, self.delay = Size(), 0, 0.0
        self.faults: dict[str, Any] = {}
        self.random = random.Random(0)
        self.to_come: list[str] = []
        self.asked: Counter[str] = Counter()
        self.met: Counter[str] = Counter()
        self.waiting: Counter[str] = Counter()

    def set(self, asked: dict[str, Any]) -> None:
        with self.lock:
            self.size = Size(**asked["size"]) if "size" in asked else self.size
            self.round, self.delay = asked.get("round", self.round), asked.get("delay", self.delay)
            if "faults" in asked:
                self.faults = asked["faults"]
                self.random = random.Random(self.faults.get("seed", 0))

    def fault(self, chapter: str) -> str:
        with self.lock:
            if self.faults.get("chapter") != chapter or self.random.random() >= self.faults["rate"]:
                return ""
            self.to_come = self.to_come or self.random.sample(FAULTS, len(FAULTS))
            met = self.to_come.pop()
            self.met[met] += 1
            return met


state = State()


class Vendor(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        with suppress(ConnectionError):  # whoever asked has been killed
            super().handle()

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/_vendor":
            said = {"asked": dict(state.asked), "met": dict(state.met), "waiting": dict(+state.waiting)}
            self._answer(200, json.dumps(said).encode())
            return
        _, host, name = parts.path.split("/", 2)
        chapter = CHAPTERS.get(self.headers.get("Authorization", ""))
        if host != HOST or name not in records.RESOURCES:
            self._answer(404, b'{"message": "no such thing"}')
        elif chapter is None:
            self._answer(401, b'{"message": "who are you?"}')
        else:
            self._list(chapter, name, dict(parse_qsl(parts.query)))

    def do_POST(self) -> None:
        state.set(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._answer(200, b"{}")

    def _list(self, chapter: str, name: str, query: dict[str, str]) -> None:
        whose = f"{chapter} {name}"
        state.asked[whose] += 1
        state.waiting[whose] += 1
        try:
            time.sleep(state.delay * random.uniform(0.5, 1.5))
            page = page_of(chapter, name, query, self.headers.get("If-Modified-Since", ""))
            self._perhaps_wrong(state.fault(chapter), page)
        finally:
            state.waiting[whose] -= 1

    def _perhaps_wrong(self, fault: str, page: dict[str, Any]) -> None:
        body = json.dumps(page).encode()
        match fault:
            case "429" | "429 for long":
                self._answer(429, b'{"message": "slow down"}', retry_after="0" if fault == "429" else "30")
            case "500" | "503":
                self._answer(int(fault), b'{"message": "our fault"}')
            case "half a body":
                self._answer(200, body, promised=len(body) * 2)
                self.close_connection = True
            case "no answer":
                time.sleep(LONGER_THAN_ANYBODY_WAITS)
                self.close_connection = True
            case "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
            case "cut JSON":
                self._answer(200, body[: len(body) // 2])
            case "a web page":
                self._answer(200, b"<!doctype html><h1>We'll be right back</h1>", kind="text/html")
            case "no list":
                self._answer(200, json.dumps({**page, "items": {"0": page["items"]}}).encode())
            case "null":
                self._answer(200, b"null")
            case _:
                self._answer(200, json.dumps({**page, "items": drifted(fault, page["items"])}).encode())

    def _answer(
        self, status: int, body: bytes, *, promised: int = 0, retry_after: str = "", kind: str = "application/json"
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(promised or len(body)))
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Nothing: it is asked thousands of times."""


def page_of(chapter: str, name: str, query: dict[str, str], since: str) -> dict[str, Any]:
    """By page number, offset or token, whichever is asked for."""
    found = records.listing(state.size, chapter, name, state.round, since if name == "contacts" else "")
    size = int(query["size"])
    start = (int(query["page"]) - 1) * size if "page" in query else int(query.get("offset") or query.get("after") or 0)
    more = start + size < len(found)
    return {
        "items": found[start : start + size],
        "total": len(found),
        "more": more,
        "next": str(start + size) if more else None,
    }


def drifted(fault: str, items: list[dict[str, Any]]) -> list[Any]:
    """The records of a page as a careless release of the vendor would send them."""
    match fault:
        case "renamed":  # what a record cannot be without
            return [
                {f"{key}_v2" if key in {"name", "total"} else key: value for key, value in one.items()} for one in items
            ]
        case "retyped":
            return [{**one, "name": {"value": one.get("name")}, "total": "many"} for one in items]
        case "no keys":
            return [{key: value for key, value in one.items() if key != "id"} for one in items]
        case "twice":
            return [copy for one in items for copy in (one, one)]
        case "nonsense":
            return [f"nonsense in the place of {items[0]['id']}", *items[1:]] if items else items
    return items


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
    server.daemon_threads = True
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
