"""Two-way syncs in processes of their own, to be killed: `python -m tests.sync.push.killed CHAPTER RESOURCE URL`.

For each line it is sent it forks a worker, which says `taken PID` when the vendor has answered and nothing of it is written down
here yet, and stops there for ever. When the worker has ended, it says `dead` and the signal.
"""

from __future__ import annotations

import os
import sys
import time

import django


def main(chapter: str, resource: str, url: str) -> None:
    django.setup()
    from integrations import http, hub, registry
    from integrations.connections.models import Connection
    from integrations.sync.engine import run_sync
    from integrations.sync.push import settle
    from tests.sync.vendor import tiny_door

    from . import shop

    registry.all_providers = lambda: {"shop": shop.provider}
    http.open_door = tiny_door(url)
    settle.settle = stop
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            with hub.enter(chapter):
                run_sync(Connection.objects.get(), resource)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        say(f"dead {os.WTERMSIG(status)}")


def stop(*_: object) -> None:
    say(f"taken {os.getpid()}")
    time.sleep(60)


def say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
