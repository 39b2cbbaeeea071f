"""How far each provider is."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError

from integrations import checks, quality, readme, registry
from integrations.provider import Provider

COLUMNS = ("slug", "resources", "actions", "webhook", "lines", "tier")


class Command(BaseCommand):
    help = "A table of the providers, and whatever is wrong with them. Exits with 1 when something is."
    requires_system_checks = ()

    def handle(self, **options: object) -> None:
        providers = registry.all_providers().values()
        rows = [COLUMNS, *map(_row, providers)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
        for row in rows:
            self.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        problems = [f"{provider.slug}: {problem}" for provider in providers for problem in _problems(provider)]
        for problem in problems:
            self.stdout.write(problem)
        if problems:
            raise CommandError(f"providers={len(rows) - 1} problems={len(problems)}")
        self.stdout.write(f"providers={len(rows) - 1} problems=0")


def _row(provider: Provider) -> tuple[str, ...]:
    folder = registry.folder(provider.slug)
    try:
        tier = quality.tier(quality.read(folder)) or "-"
    except quality.BadQuality:
        tier = "?"
    counts = (len(provider.resources), len(provider.actions), len(provider.webhook.topics) if provider.webhook else 0)
    return (provider.slug, *map(str, counts), str(sum(quality.lines(folder).values())), tier)


def _problems(provider: Provider) -> list[str]:
    """What the system checks say, and promises that are called done and are not shown."""
    folder = registry.folder(provider.slug)
    said = [problem for _, problem in checks.problems(provider)]
    try:
        said += [
            f"the promise '{name}' is called done, and is not."
            for name in quality.unshown(provider, quality.read(folder))
        ]
        if (folder / "README.md").is_file() and (folder / "README.md").read_text() != readme.render(provider, folder):
            said.append("README.md is out of date: run `manage.py renderproviderdocs`.")
    except quality.BadQuality:
        pass  # the system checks have said so
    return said
