"""The lab over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cheroot.wsgi import Server


@dataclass(frozen=True)
class Serving:
    url: str


@contextmanager
def serve(app: Any, host: str = "127.0.0.1", port: int = 0) -> Iterator[Serving]:
    """Serves in a thread until the block ends; `.url` is where (port 0: any free one)."""
    server = listening(app, host, port)
    thread = threading.Thread(target=server.serve, name="lab", daemon=True)
    thread.start()
    try:
        yield Serving(f"http://{host}:{server.bind_addr[1]}")
    finally:
        server.stop()
        thread.join(5)


def listening(app: Any, host: str, port: int) -> Any:
    """A server that has its port and waits for `serve()`."""
    server = Server((host, port), app, numthreads=8, request_queue_size=64, server_name="lab")
    server.shutdown_timeout = 1
    server.prepare()
    return server
