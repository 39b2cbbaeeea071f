"""`python -m tests.faults.pool N`: N processes that drain jobs and one that ticks; one that dies is replaced. Made to be killed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

import django


def work() -> None:
    from django.db import connection

    from integrations.hub.jobs import worker

    connection.set_schema_to_public()
    while True:
        worker.drain()
        time.sleep(0.02)


def tick() -> None:
    from django.db import connection

    from integrations.hub.jobs import tick as ticks

    connection.set_schema_to_public()
    while True:
        ticks.tick()
        time.sleep(0.1)


def main(size: int) -> None:
    django.setup()
    from . import machinery  # noqa: F401 installs itself

    alive: dict[int, Callable[[], None]] = {}
    wanted = [tick, *[work] * size]
    while True:
        while wanted:
            what = wanted.pop()
            pid = os.fork()
            if pid == 0:
                what()
            alive[pid] = what
        pid, _ = os.wait()
        wanted.append(alive.pop(pid))


if __name__ == "__main__":
    main(int(sys.argv[1]))
