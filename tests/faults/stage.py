"""Where a scenario plays: two chapters with a connection each, the vendor and the workers in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import connection as database
from django.utils import timezone

from integrations import hub, registry
from integrations.connections.models import Connection
from integrations.hub.jobs import regular
from integrations.hub.jobs.tick import claim_fire
from integrations.hub.models import Breaker, Chapter, Job, RateBucket
from integrations.sync import services
from integrations.sync.models import ResourceState, SyncRun
from tests.doors import connected

from . import book, records
from .records import Size

ROOT = Path(__file__).resolve().parents[2]
TICK_SECONDS = 1


class Stuck(Exception):
    """Something that had to happen did not, in a time that is long for a busy machine."""


@dataclass
class Stage:
    """`delay`: how long the vendor takes on average, `lease`: how long a silent worker is believed to be alive, in seconds.
    `round`: how often the vendor's records have changed, `rounds`: when. `connections`: chapter -> its connection's id."""

    folder: Path
    chapters: Mapping[str, Chapter]
    size: Size = Size()
    delay: float = 0.03
    lease: int = 3
    round: int = 0
    connections: dict[str, UUID] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    vendor: str = ""
    rounds: list[datetime] = field(default_factory=lambda: [timezone.now()])

    @property
    def notes(self) -> Path:
        return self.folder / "notes"

    # --- processes ----------------------------------------------------------------------------------------------------

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        """`python <arguments>` on this stage's database; what it writes goes to `processes.log`."""
        with (self.folder / "processes.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env={**os.environ, **self.environment(), **variables},
                stdout=subprocess.PIPE if arguments[-1] == "tests.faults.vendor" else log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def environment(self) -> dict[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "BROKER_DIR": str(self.folder / "broker"),
            "JOB_LEASE_SECONDS": str(self.lease),
            "JOB_TICK_SECONDS": str(TICK_SECONDS),
            "JOB_BACKOFF_SECONDS": "0.3",
            "PLAN_ABOVE_RECORDS": "1000000",  # a third of everything changes in a round, and nobody is here to be asked
            "LAB_URL": self.vendor,
            "NOTES": str(self.notes),
            "LOG_LEVEL": "WARNING",
            "PYTHONPATH": str(ROOT),
        }

    def open(self) -> None:
        """The vendor answers, and each chapter has a connection to it."""
        self.notes.mkdir(parents=True)
        process = self.start("-m", "tests.faults.vendor")
        assert process.stdout
        self.vendor = f"http://127.0.0.1:{int(process.stdout.readline())}"
        settings.LAB_URL = self.vendor
        self.tell(size=vars(self.size), round=0, delay=self.delay)
        _no_upkeep()
        for slug, chapter in self.chapters.items():
            secret = json.dumps({"key": records.KEYS[slug]})
            self.connections[slug] = connected(chapter, "faultbook", secret, name="Faults").pk

    def workers(self, count: int) -> subprocess.Popen[bytes]:
        return self.start("-m", "tests.faults.pool", str(count))

    def close(self) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and whatever it has started
            process.wait()
            if process.stdout:
                process.stdout.close()
        self.processes.clear()

    # --- the vendor ---------------------------------------------------------------------------------------------------

    def tell(self, **settings_: Any) -> None:
        body = json.dumps(settings_).encode()
        with urlopen(Request(f"{self.vendor}/_vendor", body, method="POST"), timeout=10) as answer:
            answer.read()

    def asked(self) -> dict[str, Any]:
        with urlopen(f"{self.vendor}/_vendor", timeout=10) as answer:
            said: dict[str, Any] = json.loads(answer.read())
        return said

    def next_round(self) -> None:
        """An hour later the vendor's records have changed. Only while nothing is being read."""
        self.round += 1
        self.rounds.append(timezone.now())
        self.tell(round=self.round)
        for slug in self.connections:
            with hub.enter(slug):
                for state in ResourceState.objects.filter(position__isnull=False):
                    state.position["kept"] = (
                        datetime.fromisoformat(state.position["kept"]) - timedelta(hours=1)
                    ).isoformat()
                    state.save(update_fields=["position"])

    def round_of(self, moment: datetime) -> int:
        return sum(began <= moment for began in self.rounds) - 1

    # --- syncing ------------------------------------------------------------------------------------------------------

    def request(self, *, full: bool = False, chapters: list[str] | None = None) -> None:
        for slug in chapters or list(self.connections):
            with hub.enter(slug):
                services.request_sync(Connection.objects.get(), full=full)

    def unfinished(self) -> list[tuple[str, str]]:
        """(chapter, resource) of what is still to be read."""
        found = []
        for slug in self.connections:
            with hub.enter(slug):
                runs = SyncRun.objects.filter(state__in=services.UNFINISHED)
                found += [(slug, resource) for resource in runs.values_list("resource", flat=True)]
        return found

    def until_read(self, seconds: float = 120, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Waits until every run has ended and every job with it."""
        self.until(lambda: not self.unfinished() and not _working(), f"round {self.round} is read", seconds, meanwhile)

    def until(
        self, holds: Callable[[], bool], what: str, seconds: float = 120, meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        ends = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > ends:
                jobs = list(
                    Job.objects.exclude(state=Job.State.DONE).values_list("key", "state", "attempts", "last_error")
                )
                said = (self.folder / "processes.log").read_text(errors="replace")[-2000:]
                raise Stuck(
                    f"After {seconds:.0f} s still not: {what}. Runs: {self.unfinished()}. Jobs: {jobs}. Said:\n{said}"
                )
            meanwhile()
            time.sleep(0.05)

    def cursors(self) -> dict[tuple[str, str], str]:
        """(chapter, resource) -> how far it has been read."""
        found = {}
        for slug in self.connections:
            with hub.enter(slug):
                found |= {(slug, one.resource): one.cursor for one in ResourceState.objects.all()}
        return found


def _working() -> bool:
    return Job.objects.filter(kind=services.KIND, state__in=(Job.State.READY, Job.State.RUNNING)).exists()


def _no_upkeep() -> None:
    """What chapters need every hour has been done for this one: a nightly sweep would read beside what is counted here."""
    for kind, every in regular.known().items():
        claim_fire(f"every.{kind}", every)


def time_passes() -> None:
    """Whatever is waited for (a backoff, a vendor's Retry-After, a breaker's pause) is over now."""
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE hub_job SET run_at = statement_timestamp() WHERE state = 'ready' AND run_at > statement_timestamp()"
        )
    RateBucket.objects.update(blocked_until=None)
    Breaker.objects.all().delete()


@contextmanager
def stage(folder: Path, chapters: Mapping[str, Chapter], size: Size, **settings_: Any) -> Iterator[Stage]:
    """Everything stands; whatever was started is killed at the end."""
    found = Stage(folder, chapters, size, **settings_)
    before = registry.all_providers, settings.LAB_URL
    registry.all_providers = lambda: {"faultbook": book.provider}
    try:
        found.open()
        yield found
    finally:
        found.close()
        registry.all_providers, settings.LAB_URL = before


@contextmanager
def plain_connection() -> Iterator[psycopg.Connection[Any]]:
    """One beside Django's, for threads and for snapshots."""
    wanted = {k: v for k, v in database.get_connection_params().items() if k not in {"context", "cursor_factory"}}
    with psycopg.connect(**wanted, autocommit=True) as made:
        yield made
