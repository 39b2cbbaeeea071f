"""What the workers of the scenarios do otherwise than in production: the scenarios' provider, short patience and a short lease,
small batches, and a note of who works on what. Imported by a pool (`pool.py`) or by a Celery worker (`-I tests.faults.machinery`).
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from django.db import connection

from integrations import http, hub, registry
from integrations.http import Budget
from integrations.hub.jobs import Work, kinds
from integrations.sync import pull
from integrations.sync.services import KIND

from .book import provider

IMPATIENT = Budget(connect=2, read=1, total=3, waiting=0.5, attempts=2)


def install() -> None:
    """In this process, from now on."""
    registry.all_providers = lambda: {provider.slug: provider}
    http.open_door = partial(http.open_door, budget=IMPATIENT)
    pull.MOST_PAGES = 1
    known = kinds.get(KIND)
    lease = int(os.environ["JOB_LEASE_SECONDS"])
    kinds._kinds[KIND] = dataclasses.replace(known, body=partial(_noted, known.body), lease=lease)


def _noted(body: kinds.Body, work: Work) -> None:
    with _note(work):
        body(work)


@contextmanager
def _note(work: Work) -> Iterator[None]:
    """A file named like this process while it works on a job: who kills it knows what was hit."""
    note = Path(os.environ["NOTES"]) / str(os.getpid())
    connection.ensure_connection()
    said = {
        "job": work.id,
        "token": str(work.token),
        "attempt": work.attempt,
        "chapter": hub.inside().slug,
        "resource": work.payload["resource"],
        "backend": connection.connection.info.backend_pid,
    }
    half = note.with_suffix(".half")
    half.write_text(json.dumps(said))
    half.rename(note)
    try:
        yield
    finally:
        note.unlink(missing_ok=True)  # whoever stopped us may have taken it


if os.environ.get("NOTES"):
    install()
