"""A real HTTP server that webhooks are sent to, in this process or one of its own: `python -m tests.outbound.receiving PORT`."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PORTS = iter(range(21_100, 21_900))


@dataclass
class Got:
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass
class Answer:
    """`seconds` before it answers, or with `trickles` between the bytes of its answer; no status: it hangs up."""

    status: int | None = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0
    trickles: bool = False


class Receiving:
    """What came, and what is answered: `answers` one after the other, then `usual`."""

    def __init__(self, port: int) -> None:
        self.got: list[Got] = []
        self.answers: list[Answer] = []
        self.usual = Answer()
        self.by_path: dict[str, Answer] = {}
        self.connections = 0
        self.url = f"http://127.0.0.1:{port}/hook"
        self.host = f"127.0.0.1:{port}"
        self._lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.server.daemon_threads = True

    def take(self, got: Got) -> Answer:
        with self._lock:
            self.got.append(got)
            if got.path in self.by_path:
                return self.by_path[got.path]
            return self.answers.pop(0) if self.answers else self.usual

    def _handler(self):
        receiving = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                receiving.connections += 1

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = receiving.take(Got(self.path, headers, body, time.time()))
                time.sleep(0 if answer.trickles else answer.seconds)
                if answer.status is None:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                for byte in answer.body if answer.trickles else b"":
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(answer.seconds)
                if not answer.trickles:
                    self.wfile.write(answer.body)

            def log_message(self, *args):
                pass

        return Handler


@contextmanager
def receiving() -> Iterator[Receiving]:
    for port in PORTS:
        try:
            server = Receiving(port)
        except OSError:
            continue
        break
    thread = threading.Thread(target=server.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.server.shutdown()
        server.server.server_close()
        thread.join(5)


if __name__ == "__main__":
    Receiving(int(sys.argv[1])).server.serve_forever()
