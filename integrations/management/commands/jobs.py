"""`manage.py jobs`: how much work there is; `manage.py jobs replay ID` and `replay --kind KIND` for dead letters."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.hub.jobs import backlog, dead_letters


class Command(BaseCommand):
    help = "Counts jobs by kind and state, or replays dead letters."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action")
        replay = actions.add_parser("replay", help="make dead letters ready again")
        which = replay.add_mutually_exclusive_group(required=True)
        which.add_argument("id", nargs="?", type=int, help="one dead letter")
        which.add_argument("--kind", help="every dead letter of this kind")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "replay":
            self._replay(options["id"], options["kind"])
        else:
            self._show()

    def _show(self) -> None:
        for kind, state, jobs in backlog.counts():
            self.stdout.write(f"{kind:<30} {state:<8} {jobs:>8}")
        waited = backlog.oldest_ready()
        self.stdout.write("oldest_ready_seconds=" + (f"{waited.total_seconds():.0f}" if waited is not None else "none"))

    def _replay(self, job_id: int | None, kind: str | None) -> None:
        try:
            replayed = dead_letters.replay_kind(kind) if job_id is None else [dead_letters.replay(job_id)]
        except LookupError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"replayed={len(replayed)}")
