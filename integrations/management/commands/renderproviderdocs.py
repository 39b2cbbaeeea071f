"""Write each provider's README from its declaration."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations import readme, registry


class Command(BaseCommand):
    help = "Writes providers/<slug>/README.md from the declarations. --check only says whether they are up to date."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slugs", nargs="*", help="all, unless some are named")
        parser.add_argument("--check", action="store_true")

    def handle(self, *, slugs: list[str], check: bool, **options: object) -> None:
        stale = []
        for provider in registry.all_providers().values():
            page = registry.folder(provider.slug) / "README.md"
            text = readme.render(provider, page.parent)
            if (slugs and provider.slug not in slugs) or (page.is_file() and page.read_text() == text):
                continue
            stale.append(provider.slug)
            if not check:
                page.write_text(text)
        if check and stale:
            raise CommandError(f"Out of date: {', '.join(stale)}. Run `manage.py renderproviderdocs`.")
        self.stdout.write(f"Written: {', '.join(stale) or 'nothing, all are up to date'}.")
