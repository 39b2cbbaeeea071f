"""One sync in a process of its own, to be killed: `python -m tests.sync.killed CHAPTER RESOURCE URL [write]`.

With `write` it stops for ever in the middle of the second batch's transaction, and says so.
"""

from __future__ import annotations

import sys
import time

import django


def main(chapter: str, resource: str, url: str, where: str = "") -> None:
    django.setup()
    from integrations import http, hub, registry
    from integrations.connections.models import Connection
    from integrations.sync import links, pull
    from integrations.sync.engine import run_sync

    from . import testbook
    from .vendor import tiny_door

    registry.all_providers = lambda: {"testbook": testbook.provider}
    http.open_door = tiny_door(url)
    pull.MOST_PAGES = 1
    if where == "write":
        links.save = _stop_in_the_second(links.save)
    with hub.enter(chapter):
        run_sync(Connection.objects.get(), resource)


def _stop_in_the_second(save):
    calls = []

    def stop(*args):
        save(*args)
        calls.append(1)
        if len(calls) == 2:
            sys.stdout.write("writing\n")
            sys.stdout.flush()
            time.sleep(60)

    return stop


if __name__ == "__main__":
    main(*sys.argv[1:])
