"""Make an API key for a partner system, and print it: the one time it can be seen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from integrations import hub
from integrations.api import keys
from integrations.api.scopes import SCOPES


class Command(BaseCommand):
    help = "Make an API key of a chapter. Its last line is the key, which is shown once and kept nowhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("chapter", help="the chapter's slug")
        parser.add_argument("name", help="what people call the key: 'Website'")
        parser.add_argument("--scopes", nargs="+", required=True, metavar="SCOPE", help=", ".join(SCOPES))
        parser.add_argument("--days", type=int, help="how long it is valid (default: until revoked)")

    def handle(self, *args: Any, **options: Any) -> None:
        days = options["days"]
        if days is not None and not 1 <= days <= 3650:
            raise CommandError("--days: 1 to 3650.")
        scopes = [scope for part in options["scopes"] for scope in part.split(",") if scope]
        try:
            with hub.enter(options["chapter"]) as chapter:
                key, token = keys.issue(
                    name=options["name"],
                    scopes=scopes,
                    expires_at=timezone.now() + timedelta(days=days) if days else None,
                )
        except (hub.ChapterUnavailable, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"API key '{key.name}' of {chapter.name}: {', '.join(key.scopes)}. Shown this once:")
        self.stdout.write(token)
