"""`manage.py rebasechanges`: once after a dump was restored on another PostgreSQL server, before workers start there.

The change feed goes by transaction ids, which another server counts by itself. Last line: `change_sets=N skipped=N`.
"""

from __future__ import annotations

from django.core.management.base import BaseCommand

from integrations import hub
from integrations.changes import moving
from integrations.hub.models import Chapter


class Command(BaseCommand):
    help = "Makes the chapters' change feeds this server's, after a dump was restored here. Stop workers and web first."

    def handle(self, *args, **options):
        moved = skipped = 0
        for chapter in Chapter.objects.all():
            try:
                with hub.enter(chapter):
                    moved += moving.settle_in()
            except hub.ChapterUnavailable as unavailable:
                skipped += 1
                self.stdout.write(f"{chapter.slug}: skipped, {unavailable.reason}")
        self.stdout.write(f"change_sets={moved} skipped={skipped}")
