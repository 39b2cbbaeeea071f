"""`python -m tests.hub.worker_pool N`: N processes that drain jobs; one that dies is replaced. Made to be killed."""

from __future__ import annotations

import os
import sys
import time

import django


def work() -> None:
    from django.db import connection

    from integrations.hub.jobs import worker

    connection.set_schema_to_public()
    while True:
        worker.drain()
        time.sleep(0.02)


def main(size: int) -> None:
    django.setup()
    from tests.hub import job_kinds  # noqa: F401 registers the kinds

    alive = 0
    while True:
        while alive < size:
            if os.fork() == 0:
                work()
            alive += 1
        os.wait()
        alive -= 1


if __name__ == "__main__":
    main(int(sys.argv[1]))
