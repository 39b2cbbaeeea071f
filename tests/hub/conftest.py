"""What tests of jobs need: kinds that exist for one test, a table for effects, and workers in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.db import connection

from integrations.hub.jobs import Work, kinds
from integrations.hub.models import Chapter

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def kind() -> Iterator[Callable[..., str]]:
    """Registers a body under a name of its own until the test ends; returns the name."""
    made = []

    def register(body: Callable[[Work], None] = lambda work: None, **options) -> str:
        name = f"test.{uuid.uuid4().hex[:8]}"
        kinds.job(name, **options)(body)
        made.append(name)
        return name

    yield register
    for name in made:
        del kinds._kinds[name]


@pytest.fixture
def effects(committed: dict[str, Chapter]) -> Iterator[Callable[[Chapter], list[str]]]:
    """A table `effect(key)` in each chapter's schema and none in the hub's; gives the keys a chapter's table holds."""
    tables = [f"{chapter.schema_name}.effect" for chapter in committed.values()]
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"CREATE TABLE {table} (key text)")

    def read(chapter: Chapter) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT key FROM {chapter.schema_name}.effect ORDER BY key")
            return [row[0] for row in cursor.fetchall()]

    yield read
    connection.set_schema_to_public()
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DROP TABLE {table}")


@pytest.fixture
def environment(committed: dict[str, Chapter], tmp_path: Path) -> dict[str, str]:
    """For processes that work on the test database, which config.settings.test names to them as to us: short leases, a tick a
    second, a broker queue of their own."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "BROKER_DIR": str(tmp_path / "broker"),
        "BROKER_QUEUE": f"test-{uuid.uuid4().hex[:8]}",
        "JOB_LEASE_SECONDS": "1",
        "JOB_TICK_SECONDS": "1",
        "JOB_BACKOFF_SECONDS": "0.2",
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts `python <arguments>` on the test database; whatever is left of it when the test ends is killed."""
    started = []
    log = (tmp_path / "processes.log").open("wb")

    def run(*arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**environment, **variables},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # and whatever it has started
        process.wait()
    log.close()


@pytest.fixture
def until() -> Callable[..., None]:
    """Waits until a condition holds; fails with its words when it does not in time."""

    def wait(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
        ends = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > ends:
                pytest.fail(f"After {seconds} s still not: {what}")
            time.sleep(0.05)

    return wait
