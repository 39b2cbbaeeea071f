"""Serve the stand-in vendors."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations import registry
from integrations.lab.app import make_lab
from integrations.lab.server import listening


class Command(BaseCommand):
    help = "Serves every provider's sample data over HTTP: https://HOST/PATH of a vendor is /HOST/PATH here."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8090)
        parser.add_argument("--database", type=Path, help="a SQLite file that keeps tokens and writes over restarts")
        parser.add_argument("--scale", type=int, default=1, help="how often each paged sample is repeated")

    def handle(self, *, host: str, port: int, database: Path | None, scale: int, **options: object) -> None:
        if settings.SETTINGS_MODULE.endswith(".production"):
            raise CommandError("The lab never runs in production: anybody may sign in to it.")
        if scale < 1:
            raise CommandError("--scale is 1 or more.")
        try:
            server = listening(make_lab(database, scale), host, port)
        except OSError as error:
            raise CommandError(f"Cannot listen on {host}:{port}: {error}. Choose another --port.") from None
        names = ", ".join(provider.name for provider in registry.all_providers().values())
        self.stdout.write(
            f"The lab stands in for {names} at http://{host}:{port} (state: /_lab/state). Ctrl-C stops it."
        )
        try:
            server.serve()
        except KeyboardInterrupt:
            self.stdout.write("Stopping.")
        finally:
            server.stop()
