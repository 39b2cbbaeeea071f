"""Told once, from any thread: the answers of a thread are not wanted any more.

Whoever fetches ahead runs under a `Halt`. When it is told, what is under way is broken off at its socket, what sleeps wakes,
and nothing new is begun: each of them raises `Halted`. A vendor is not blamed for what we broke off ourselves. A token that is
being renewed is not broken off: it must be saved.
"""

from __future__ import annotations

import threading
import time
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from .watch import Watch

_current: ContextVar[Halt | None] = ContextVar("halt", default=None)


class Halted(Exception):
    """Nobody waits for the answer any more."""


class Halt:
    """As a context manager it stands over everything that its thread asks for inside the block."""

    def __init__(self) -> None:
        self._told = threading.Event()
        self._lock = threading.Lock()
        self._under_way: set[Watch] = set()
        self._token: Token[Halt | None] | None = None

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _current.reset(self._token)

    def tell(self) -> None:
        with self._lock:
            self._told.set()
            under_way = list(self._under_way)
        for watch in under_way:
            watch.expire()

    @property
    def told(self) -> bool:
        return self._told.is_set()

    def wait(self, seconds: float) -> None:
        self._told.wait(seconds)

    def begin(self, watch: Watch) -> None:
        with self._lock:
            self._under_way.add(watch)

    def end(self, watch: Watch) -> None:
        with self._lock:
            self._under_way.discard(watch)


def current() -> Halt | None:
    """What stands over the calling thread."""
    return _current.get()


def check() -> None:
    """Raises Halted where the thread was told so."""
    halt = _current.get()
    if halt is not None and halt.told:
        raise Halted


def sleep(seconds: float) -> None:
    """`time.sleep`, which raises Halted as soon as the thread is told so."""
    halt = _current.get()
    if halt is None:
        time.sleep(seconds)
        return
    halt.wait(seconds)
    check()
