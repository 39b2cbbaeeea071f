"""Make the folder of a new provider."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations import readme, registry, scaffold


class Command(BaseCommand):
    help = "Makes providers/<slug>/ with everything in its place and nothing in it. Its contract tests fail until it is filled."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--name", help="as people write it; the slug with a capital, unless given")

    def handle(self, *, slug: str, name: str | None, **options: object) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9-]{1,39}", slug):
            raise CommandError(f"'{slug}' is no slug: small letters, digits and hyphens, beginning with a letter.")
        package = importlib.import_module(settings.PROVIDERS_PACKAGE)
        folder = Path(next(iter(package.__path__))) / slug.replace("-", "_")
        if folder.exists():
            raise CommandError(f"{folder} is already there.")
        for path, text in scaffold.files(slug, name or slug.replace("-", " ").title()).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        importlib.invalidate_caches()
        registry.all_providers.cache_clear()
        (folder / "README.md").write_text(readme.render(registry.get(slug), folder))
        self.stdout.write(
            f"{folder} is there. Fill it, then:\n"
            f"  python -m pytest tests/providers -k {slug}\n"
            "  python manage.py checkproviders\n"
            "docs/add-a-provider.md says how."
        )
