"""One two-way sync in a process of its own, to be killed: `python -m tests.sync.push.killed CHAPTER RESOURCE URL`.

It says `taken` when the vendor has answered and nothing of it is written down here yet, and stops there for ever.
"""

from __future__ import annotations

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
    with hub.enter(chapter):
        run_sync(Connection.objects.get(), resource)


def stop(*_: object) -> None:
    sys.stdout.write("taken\n")
    sys.stdout.flush()
    time.sleep(60)


if __name__ == "__main__":
    main(*sys.argv[1:])
