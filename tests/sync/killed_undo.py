"""One undo in a process of its own, to be killed: `python -m tests.sync.killed_undo CHAPTER RUN`.

It stops for ever in the transaction of the second change set, after that has been taken back, and says so.
"""

from __future__ import annotations

import sys
import time

import django


def main(chapter: str, run: str) -> None:
    django.setup()
    from integrations import hub
    from integrations.sync import undo
    from integrations.sync.models import SyncRun

    undo.revert = _stop_in_the_second(undo.revert)
    with hub.enter(chapter):
        undo.carry_out(SyncRun.objects.get(pk=run))


def _stop_in_the_second(revert):
    calls = []

    def stop(*args, **more):
        done = revert(*args, **more)
        calls.append(1)
        if len(calls) == 2:
            sys.stdout.write("in the second\n")
            sys.stdout.flush()
            time.sleep(60)
        return done

    return stop


if __name__ == "__main__":
    main(*sys.argv[1:])
