"""Keeping a lease while the body works, from a thread beside it.

The thread speaks to PostgreSQL over a connection of its own and never touches the ORM, whose connection (and with it the
chapter's schema) belongs to the body's thread. A job shorter than a third of its lease never opens one.
"""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Any, Self

import psycopg
from django.db import connection

from .claims import Claim

log = logging.getLogger(__name__)
_EXTEND = """
UPDATE public.hub_job SET lease_until = statement_timestamp() + make_interval(secs => %s)
WHERE id = %s AND lease_token = %s AND state = 'running'
"""


class Heartbeat:
    """`with Heartbeat(claim, lease_seconds):` extends the lease every third of it, until the block ends or the job is
    somebody else's."""

    def __init__(self, claim: Claim, lease: int) -> None:
        self._claim = claim
        self._lease = lease
        self._parameters: dict[str, Any] = connection.get_connection_params()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"lease of job {claim.id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._over.set()
        self._thread.join(timeout=5)

    def _beat(self) -> None:
        own: psycopg.Connection[Any] | None = None
        held = True
        while held and not self._over.wait(self._lease / 3):
            try:
                if own is None or own.closed:
                    own = psycopg.connect(**self._parameters, autocommit=True)
                held = own.execute(_EXTEND, [self._lease, self._claim.id, self._claim.token]).rowcount == 1
            except psycopg.Error as error:
                log.warning("The lease of %s could not be extended: %s", self._claim, type(error).__name__)
        if own is not None:
            own.close()
