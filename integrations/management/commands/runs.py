"""Sync runs of a chapter that are under way, wait or have just ended, each in a sentence: `manage.py runs sydney`.

With `--watch` the list is printed again every few seconds until nothing is under way.
"""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from integrations import hub
from integrations.sync import pace
from integrations.sync.models import SyncRun

ACTIVE = (SyncRun.State.QUEUED, SyncRun.State.RUNNING)


class Command(BaseCommand):
    help = "What a chapter's syncs are doing: runs sydney [--watch]"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("chapter", help="Slug of the chapter")
        parser.add_argument("--last", type=int, default=10, help="How many that are over are shown too (10)")
        parser.add_argument("--watch", type=float, nargs="?", const=2.0, help="Again every so many seconds (2)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with hub.enter(options["chapter"]):
                while self._show(options["last"]) and options["watch"]:
                    time.sleep(options["watch"])
        except hub.ChapterUnavailable as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            return

    def _show(self, last: int) -> bool:
        """Whether anything is under way."""
        runs = SyncRun.objects.select_related("connection")
        active = list(runs.filter(state__in=ACTIVE).order_by("created_at"))
        over = list(runs.exclude(state__in=ACTIVE)[:last])
        for run in [*reversed(over), *active]:
            phase = pace.progress(run, timezone.now()).phase
            said = phase if run in active else run.state
            self.stdout.write(
                f"{said:<10} {run.connection.name}: {run.resource}: {pace.sentence(run, timezone.now())}"
                f" pages={run.pages} run={run.pk}"
            )
        if not active:
            self.stdout.write("Nothing is under way.")
        return bool(active)
