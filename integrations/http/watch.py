"""A clock over one whole attempt, from the name to the last byte.

A socket's timeout bounds each wait for bytes, not their sum: a vendor that sends one byte every twenty seconds would hold
a worker for ever. When time is up the socket is shut down, from outside, whatever is being read. One thread of the process
looks at all attempts that are under way, since a thread for each would cost more than the request.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Self

from . import halt

_LOOKS_EVERY = 0.1

_current: ContextVar[Watch | None] = ContextVar("watch", default=None)


class Watch:
    def __init__(self, seconds: float) -> None:
        self.expired = False
        self.ends = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._lever: socket.socket | None = None
        self._token: Token[Watch | None] | None = None
        self._halt = halt.current()

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        _looker.add(self)
        if self._halt is not None:
            self._halt.begin(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _looker.remove(self)
        if self._halt is not None:
            self._halt.end(self)
        if self._token is not None:
            _current.reset(self._token)
        self._let_go()

    def hold(self, sock: socket.socket) -> None:
        """Watches this socket. A descriptor of its own stays good while TLS wraps, and the pool closes, the original."""
        self._let_go()
        with self._lock:
            self._lever = socket.socket(fileno=os.dup(sock.fileno()))
        if self.expired:
            self.expire()

    def expire(self) -> None:
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


class _Looker:
    """Sleeps while nothing is under way."""

    def __init__(self) -> None:
        self.forked()

    def forked(self) -> None:
        """A child has none of its parent's threads, and none of its requests."""
        self._changed = threading.Condition()
        self._watches: set[Watch] = set()
        self._thread: threading.Thread | None = None

    def add(self, watch: Watch) -> None:
        with self._changed:
            self._watches.add(watch)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
                self._thread.start()
            elif len(self._watches) == 1:
                self._changed.notify()

    def remove(self, watch: Watch) -> None:
        with self._changed:
            self._watches.discard(watch)

    def _look(self) -> None:
        while True:
            with self._changed:
                while not self._watches:
                    self._changed.wait()
                late = [watch for watch in self._watches if watch.ends <= time.monotonic()]
                self._watches.difference_update(late)
            for watch in late:
                watch.expire()
            time.sleep(_LOOKS_EVERY)


_looker = _Looker()
os.register_at_fork(after_in_child=_looker.forked)


def hold(sock: socket.socket) -> None:
    """Puts the socket under the clock of the attempt that is under way, if there is one."""
    watch = _current.get()
    if watch is not None:
        watch.hold(sock)
