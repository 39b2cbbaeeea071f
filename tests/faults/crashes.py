"""PostgreSQL crashes in the middle of syncs, under real Celery workers and a real beat: `python -m tests.faults.crashes N`.

On a server of its own that keeps what it has acknowledged, so the scenario is a process of its own; its last line is its outcome
as JSON.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django

from integrations import embedded

if TYPE_CHECKING:
    from .outcome import Outcome
    from .stage import Stage

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = {
    "worker": ("-m", "celery", "-A", "config", "worker", "-I", "tests.faults.machinery", "--concurrency", "6"),
    "beat": ("-m", "celery", "-A", "config", "beat", "--pidfile="),
}


class Crashing:
    """One crash per round, while it is read; sometimes a second one while it is recovered from."""

    def __init__(self, stage: Stage, server: Path, crashes: int, seed: int) -> None:
        from .outcome import Outcome

        self.stage, self.server, self.crashes = stage, server, crashes
        self.random = random.Random(seed)
        self.outcome = Outcome()
        self.crashed, self.restarted, self.hit, self.took = 0, 0, [], []
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def run(self) -> Outcome:
        self._supervise()
        while self.crashed < self.crashes:
            self._round()
            self.stage.next_round()
        self.stage.request()
        self._rest()
        self.outcome.figures = {
            "crashes": self.crashed,
            "rounds": self.stage.round,
            "transactions open when it crashed": self.hit,
            "seconds from a crash until everything was read": [round(one, 1) for one in self.took],
            "workers and beats that ended and were started again": self.restarted,
        }
        return self.outcome

    def _round(self) -> None:
        from .outcome import counted_once

        full = self.stage.round % 3 == 2
        before = self.stage.cursors()
        self.stage.request(full=full)
        self.stage.until(self._written_a_little, "something is read", meanwhile=self._supervise)
        time.sleep(self.random.uniform(0, 0.3))
        began = time.monotonic()
        self._crash()
        if self.crashed < self.crashes and self.stage.round % 2:
            time.sleep(self.random.uniform(0.5, 3))
            self._crash()
        self._rest()
        self.took.append(time.monotonic() - began)
        self.outcome.findings.add(counted_once(self.stage, before, full=full))

    def _written_a_little(self) -> bool:
        from integrations import hub
        from integrations.sync.models import SyncRun

        for slug in self.stage.connections:
            with hub.enter(slug):
                if SyncRun.objects.filter(state="running", fetched__gt=0).exists():
                    return True
        return not self.stage.unfinished()

    def _crash(self) -> None:
        from django.db import connection

        from integrations.http import shared

        from .outcome import look

        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE xact_start IS NOT NULL AND backend_type = 'client backend'"
                " AND pid <> pg_backend_pid() AND datname = current_database()"
            )
            self.hit.append(cursor.fetchone()[0])
        embedded.crash(self.server)
        self.crashed += 1
        connection.close()
        shared.close()
        self.outcome.findings.add(look(self.stage))

    def _rest(self) -> None:
        from .outcome import look

        self.stage.until_read(meanwhile=self._supervise)
        self.outcome.findings.add(look(self.stage, at_rest=True))

    def _supervise(self) -> None:
        """What a supervisor does in production: what has ended is started again."""
        for name, command in PROCESSES.items():
            found = self.running.get(name)
            if found is None or found.poll() is not None:
                self.restarted += found is not None
                self.running[name] = self.stage.start(*command, BROKER_URL="filesystem://")


def played(crashes: int, seed: int, dump: Path | None = None) -> dict[str, Any]:
    """The scenario in a process of its own; its outcome as a dict. RuntimeError, with what it said, where it has none. `dump`
    spares it the migrations."""
    environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "BROKER_URL"}}
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.crashes", str(crashes), str(seed), *([str(dump)] if dump else [])],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-4000:])
    outcome: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return outcome


def dump_of_this(file: Path) -> Path:
    """The database of this process, with its chapters, as SQL."""
    from django.db import connection
    from psycopg.conninfo import make_conninfo

    wanted = {
        name: connection.get_connection_params().get(name) for name in ("host", "port", "user", "password", "dbname")
    }
    where = make_conninfo(**{name: value for name, value in wanted.items() if value})
    command = [embedded.program("pg_dump"), "--no-owner", "--file", str(file), "--dbname", where]
    subprocess.run(command, check=True)
    return file


def _set_up(url: str, dump: str) -> None:
    from django.db import connection
    from django.test.utils import setup_databases

    from tests.conftest import make_chapters

    if not dump:
        setup_databases(verbosity=0, interactive=False)
        make_chapters()
        return
    psql, name = embedded.program("psql"), connection.settings_dict["NAME"]
    subprocess.run([psql, "-qX", "-d", url, "-c", f"CREATE DATABASE {name}"], check=True)
    subprocess.run(
        [psql, "-qX", "-o", os.devnull, "-f", dump, "-d", url.replace(f"/{embedded.DATABASE}?", f"/{name}?")],
        check=True,
    )


def main(crashes: int, seed: int, dump: str = "") -> None:
    with tempfile.TemporaryDirectory(prefix="faults-") as scratch:
        folder = Path(scratch)
        with embedded.server(folder / "pgdata") as url:
            os.environ |= {
                "DATABASE_URL": url,
                "DJANGO_SETTINGS_MODULE": "config.settings.test",
                "JOB_TICK_SECONDS": "1",
            }
            django.setup()
            from integrations.hub.models import Chapter
            from tests.conftest import SLUGS

            from .records import Size
            from .stage import stage

            _set_up(url, dump)
            chapters = {one.slug: one for one in Chapter.objects.filter(slug__in=SLUGS)}
            size = Size(contacts=400, invoices=120) if crashes > 1 else Size(contacts=160)
            with stage(folder / "stage", chapters, size) as found:
                outcome = Crashing(found, folder / "pgdata", crashes, seed).run()
            sys.stdout.write(json.dumps(asdict(outcome)) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
