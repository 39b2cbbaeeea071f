"""`manage.py rotatekeys [--data-keys] [--chapter SLUG]`: brings every secret to the newest key.

Put the new master key first in MASTER_KEYS, keep the old one behind it, restart, run this, then remove the old one.
It may be stopped and run again, and runs beside working workers. Last line: `rewrapped=N resealed=N skipped=N`.
"""

from __future__ import annotations

from collections import Counter

from django.core.management.base import BaseCommand, CommandError

from integrations import rotation
from integrations.encryption import CannotDecrypt
from integrations.hub import ChapterUnavailable
from integrations.hub.models import Chapter


class Command(BaseCommand):
    help = "Re-wraps the chapters' data keys and re-seals the hub's secrets with the newest master key."

    def add_arguments(self, parser):
        parser.add_argument("--data-keys", action="store_true", help="also give each chapter a new data key")
        parser.add_argument("--chapter", default="", help="only this chapter's slug (with the hub's secrets)")

    def handle(self, *args, **options):
        chapters = Chapter.objects.all()
        if options["chapter"]:
            chapters = chapters.filter(slug=options["chapter"])
            if not chapters:
                raise CommandError(f"There is no chapter '{options['chapter']}'.")
        try:
            self.rotate(chapters, data_keys=options["data_keys"])
        except CannotDecrypt as error:
            raise CommandError(f"{error} Add the missing key to MASTER_KEYS; nothing was lost.") from None

    def rotate(self, chapters, *, data_keys):
        rewrapped, resealed, skipped = 0, rotation.reseal_hub(), 0
        for chapter in chapters:
            rewrapped += rotation.rewrap_data_keys(chapter)
            try:
                resealed += self.chapter(chapter, data_keys=data_keys)
            except ChapterUnavailable as unavailable:
                skipped += 1
                self.stdout.write(f"{chapter.slug}: skipped, {unavailable.reason}")
        for field, count in sorted(resealed.items()):
            self.stdout.write(f"{field}: {count}")
        self.stdout.write(f"rewrapped={rewrapped} resealed={resealed.total()} skipped={skipped}")

    def chapter(self, chapter, *, data_keys):
        if data_keys:
            return rotation.rotate_data_key(chapter)
        if not chapter.data_key:
            return Counter()
        return rotation.reseal_chapter(chapter)
