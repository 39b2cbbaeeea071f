"""The whole product on one machine, with nothing installed beside Python: database, broker, web, worker, beat and the lab."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import honcho.manager
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from honcho.manager import Manager

from integrations.embedded import server

PYTHON = sys.executable
SCALE = 8  # how often the lab repeats each sample, with other people


class Command(BaseCommand):
    help = "Run everything with two sample chapters and sample vendors. Ctrl-C stops it; the next start continues."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="the web server's port (default 8000)")
        parser.add_argument("--lab-port", type=int, default=9400, help="the sample vendors' port (default 9400)")
        parser.add_argument(
            "--folder", type=Path, default=settings.BASE_DIR / ".demo", help="where the demo keeps its data"
        )
        parser.add_argument("--no-serve", action="store_true", help="set up, sync once, stop, exit 0")
        parser.add_argument("--fresh", action="store_true", help="forget what an earlier demo left")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        port, lab_port, folder = options["port"], options["lab_port"], options["folder"].resolve()
        for name, number in (("port", port), ("lab-port", lab_port)):
            require_free(name, number)
        if options["fresh"]:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        self.stdout.write("Starting the embedded PostgreSQL ...")
        with server(folder / "pgdata") as database_url:
            environment = demo_environment(database_url, folder, port, lab_port)
            self.stdout.write("Bringing the database up to date ...")
            run_once(environment, "migrate_schemas", "--verbosity=0")
            run_once(environment, "setupschedules")
            code = self.serve(environment, folder, port, lab_port, started, once=options["no_serve"])
        if code not in (0, 130, 143):  # Ctrl-C and a polite TERM are how it is meant to end
            raise CommandError("A part of the demo stopped by itself; its last lines above say why.", returncode=1)
        self.stdout.write("The demo has stopped.")

    def serve(
        self, environment: dict[str, str], folder: Path, port: int, lab_port: int, started: float, *, once: bool
    ) -> int:
        """Run all processes until one ends or Ctrl-C; its exit code."""
        manage = f"exec {PYTHON} manage.py"
        manager = Manager()
        manager._procmgr = Processes()
        honcho.manager.KILL_WAIT = 25  # an idle worker takes some seconds to end, a busy one finishes its job
        for name, command in {
            "lab": f"{manage} lab --host 127.0.0.1 --port {lab_port} --database {folder / 'lab.sqlite3'} --scale {SCALE}",
            "web": f"exec {PYTHON} -m granian --interface wsgi config.wsgi:application --host 127.0.0.1 --port {port}"
            " --workers 1 --blocking-threads 4 --no-ws --log-level warning",
            "worker": f"exec {PYTHON} -m celery -q -A config.celery worker --concurrency 2 --loglevel WARNING",
            "beat": f"exec {PYTHON} -m celery -q -A config.celery beat --loglevel WARNING --pidfile=",
            "setup": f"{manage} demosetup --port {port} --began {time.time() - time.monotonic() + started}"
            + ("" if once else " --stay"),
        }.items():
            manager.add_process(name, command, env=environment, cwd=str(settings.BASE_DIR))
        manager.loop()
        return int(manager.returncode or 0)


class Processes:
    """How the parts are ended. A TERM goes to the part alone, not to its children: Celery then lets its workers finish."""

    @staticmethod
    def terminate(pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)

    @staticmethod
    def kill(pid: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def demo_environment(database_url: str, folder: Path, port: int, lab_port: int) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.dev",
        "DATABASE_URL": database_url,
        "BROKER_URL": "filesystem://localhost",
        "BROKER_DIR": str(folder / "broker"),
        "LAB_URL": f"http://127.0.0.1:{lab_port}",
        "HUB_DOMAIN": "localhost",
        "PUBLIC_URL": f"http://localhost:{port}",
        "JOB_TICK_SECONDS": "2",
        "LOG_LEVEL": "WARNING",
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "ignore:You're running the worker",
    }


def run_once(environment: dict[str, str], *arguments: str) -> None:
    done = subprocess.run([PYTHON, "manage.py", *arguments], env=environment, cwd=settings.BASE_DIR, check=False)  # noqa: S603
    if done.returncode:
        raise CommandError(f"manage.py {arguments[0]} failed; the lines above say why.", returncode=1)


def require_free(name: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(
                f"Port {port} is taken: stop what uses it (is another demo running?), or choose another one:\n"
                f"    make demo ARGS='--{name} {port + 1}'",
                returncode=1,
            ) from error
