"""A clock over one whole attempt, from the name to the last byte.

A socket's timeout bounds each wait for bytes, not their sum: a vendor that sends one byte every twenty seconds would hold
a worker for ever. When time is up the socket is shut down, from outside, whatever is being read.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Self

_current: ContextVar[Watch | None] = ContextVar("watch", default=None)


class Watch:
    def __init__(self, seconds: float) -> None:
        self.expired = False
        self._lock = threading.Lock()
        self._lever: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._token: Token[Watch | None] | None = None

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._token is not None:
            _current.reset(self._token)
        self._let_go()

    def hold(self, sock: socket.socket) -> None:
        """Watches this socket. A descriptor of its own stays good while TLS wraps, and the pool closes, the original."""
        self._let_go()
        with self._lock:
            self._lever = socket.socket(fileno=os.dup(sock.fileno()))
        if self.expired:
            self._expire()

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            if self._lever is not None:
                with contextlib.suppress(OSError):
                    self._lever.shutdown(socket.SHUT_RDWR)

    def _let_go(self) -> None:
        with self._lock:
            if self._lever is not None:
                self._lever.close()
                self._lever = None


def hold(sock: socket.socket) -> None:
    """Puts the socket under the clock of the attempt that is under way, if there is one."""
    watch = _current.get()
    if watch is not None:
        watch.hold(sock)
