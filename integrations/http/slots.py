"""How many requests of one account may be in flight at once, over all workers.

A slot is an advisory lock on the shared connection: a worker that dies gives its slots back by dying. That connection may
take the same lock twice, so the threads of one process keep a list of what they hold.
"""

from __future__ import annotations

import random
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from . import halt, shared
from .caller import Caller

_LOCK = "SELECT pg_try_advisory_lock(%(account)s, %(slot)s)"
_UNLOCK = "SELECT pg_advisory_unlock(%(account)s, %(slot)s)"

_here: set[tuple[int, int]] = set()
_guard = threading.Lock()


class NoSlot(Exception):
    """All slots stayed taken for as long as the caller would wait."""


@contextmanager
def hold(caller: Caller, waiting: float) -> Iterator[None]:
    """Runs the block in one of the account's slots; `waiting` is in seconds. Without a declared limit, at once."""
    count = caller.provider.limits.concurrent
    if not count:
        yield
        return
    account = account_of(caller)
    slot = _wait(account, count, time.monotonic() + waiting)
    try:
        yield
    finally:
        _release(account, slot)


def account_of(caller: Caller) -> int:
    """The first half of the lock's key. Two accounts that share one only wait for each other."""
    return zlib.crc32(f"{caller.provider.slug}|{caller.environment}:{caller.account}".encode()) - 2**31


def _wait(account: int, count: int, until: float) -> int:
    while True:
        for slot in random.sample(range(count), count):
            if _take(account, slot):
                return slot
        if time.monotonic() >= until:
            raise NoSlot
        halt.sleep(random.uniform(0.02, 0.1))  # noqa: S311


def _take(account: int, slot: int) -> bool:
    with _guard:
        if (account, slot) in _here:
            return False
        _here.add((account, slot))
    taken = False
    try:
        taken = bool(shared.execute(_LOCK, {"account": account, "slot": slot})[0][0])
    finally:
        if not taken:
            with _guard:
                _here.discard((account, slot))
    return taken


def _release(account: int, slot: int) -> None:
    try:
        shared.execute(_UNLOCK, {"account": account, "slot": slot})
    finally:
        with _guard:
            _here.discard((account, slot))
