"""One worker in a process of its own, to be killed while it tries set-aside records again: `python -m tests.sync.killed_retry
WHERE`.

It takes the job that is due, two records at a time, and stops for ever, and says so: `between` the first two batches, `inside`
the second one's transaction when its records are written and its place is not, or `ending`, in the transaction that ends the retry.
"""

from __future__ import annotations

import sys
import time

import django


def main(where: str) -> None:
    django.setup()
    from integrations import registry
    from integrations.hub.jobs import claims, worker
    from integrations.sync import ending, retry
    from integrations.sync.models import QuarantineRetry

    from . import testbook

    registry.all_providers = lambda: {"testbook": testbook.provider}
    retry.BATCH = 2
    trying = retry._Trying
    if where == "between":
        trying.batch = _stopping(trying.batch, before=2)
    elif where == "inside":
        QuarantineRetry.save = _stopping(QuarantineRetry.save, before=2)
    else:
        ending.follow = _stopping(ending.follow, after=1)
    claim = claims.claim()
    assert claim is not None
    assert claim.kind == retry.KIND
    worker.run(claim)


def _stopping(body, *, before=0, after=0):
    calls = []

    def stop(*args, **more):
        calls.append(1)
        if len(calls) == before:
            _stop()
        done = body(*args, **more)
        if len(calls) == after:
            _stop()
        return done

    return stop


def _stop():
    sys.stdout.write("here\n")
    sys.stdout.flush()
    time.sleep(60)


if __name__ == "__main__":
    main(*sys.argv[1:])
