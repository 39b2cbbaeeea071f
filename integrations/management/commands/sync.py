"""Read a provider's records into a chapter, now and in this process.

The last line is `created=N updated=N unchanged=N quarantined=N seconds=S`; the exit code is 1 when something could not be read.
What must be approved first is shown as a plan: the last line is then `plan=ID` (or `plan=ID,ID`) and the exit code 3.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from integrations import hub, registry
from integrations.connections.models import Connection
from integrations.provider import Provider, Resource
from integrations.sync import decisions, pace, plan_table, services, waiting
from integrations.sync.engine import run_sync
from integrations.sync.models import SyncRun

EVERYTHING = "everything"
WAITS = "This waits for approval. Look at the plan; the same command with --approve writes it."
COUNTS = ("created", "updated", "unchanged", "quarantined")


class Command(BaseCommand):
    help = "Read a provider's records into a chapter: sync sydney xero contacts"
    # Declarations are held to each other when servers start and when a chapter is migrated. To do it again for every run would
    # take longer than most runs do.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("chapter", help="Slug of the chapter")
        parser.add_argument("provider", help="Slug of the provider")
        parser.add_argument("resource", nargs="?", help="One resource; all that are switched on when left out")
        parser.add_argument(
            "--connection", help="Name or id, where the chapter has several connections of the provider"
        )
        parser.add_argument("--full", action="store_true", help="Read everything, not only what changed")
        parser.add_argument("--plan", action="store_true", help="Only show what would happen; nothing is kept")
        parser.add_argument(
            "--approve",
            nargs="?",
            const=EVERYTHING,
            metavar="ID",
            help="Write what waits for approval, deletions beyond the brake included; with the IDs of plans, only these",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        if options["plan"] and options["approve"]:
            raise CommandError("--plan keeps nothing, so there is nothing to approve: choose one of the two.")
        try:
            with hub.enter(options["chapter"]):
                runs = self._sync(options)
        except hub.ChapterUnavailable as error:
            raise CommandError(str(error)) from None
        for run in runs:
            self.stdout.write(f"{run.resource}: {run.message}")
        if plans := [run for run in runs if run.plan]:
            self.stdout.write(plan_table.drawn(plans))
        wait = [run for run in runs if run.state == SyncRun.State.PLANNED and not options["plan"]]
        wrote = [run for run in runs if run not in wait or not run.plan_only]
        counts = " ".join(f"{name}={sum(getattr(run, name) for run in wrote)}" for name in COUNTS)
        self.stdout.write(f"{counts} seconds={time.monotonic() - began:.1f}")
        if wait:
            self.stdout.write("plan=" + ",".join(str(run.pk) for run in wait))
        failed = [run.message for run in runs if run.state in {SyncRun.State.FAILED, SyncRun.State.CANCELLED}]
        if failed:
            self.stdout.flush()
            raise CommandError("\n".join(dict.fromkeys(failed)))
        if wait:
            self.stdout.flush()
            raise CommandError(WAITS, returncode=3)

    def _sync(self, options: dict[str, Any]) -> list[SyncRun]:
        provider = _provider(options["provider"])
        connection = _connection(provider, options["chapter"], options["connection"])
        resources = _approved(connection, options["approve"]) or _resources(connection, provider, options["resource"])
        runs: list[SyncRun] = []
        with _bars(connection.name) as bars:
            for resource in resources:
                run = _begun(connection, resource, options)
                runs.append(run)
                try:
                    run_sync(connection, resource.name, run=run, progress=bars)
                except KeyboardInterrupt:
                    services.cancel(run)
                    return runs
        return runs


def _provider(slug: str) -> Provider:
    try:
        return registry.get(slug)
    except registry.UnknownProvider:
        known = ", ".join(registry.all_providers()) or "none"
        raise CommandError(f"There is no provider '{slug}'. There is: {known}.") from None


def _connection(provider: Provider, chapter: str, wanted: str | None) -> Connection:
    known = list(Connection.objects.filter(provider=provider.slug).exclude(status=Connection.Status.DISCONNECTED))
    if wanted:
        known = [one for one in known if wanted in {one.name, str(one.pk)} or _is(wanted, one.pk)]
    if not known:
        which = f"called '{wanted}' " if wanted else ""
        raise CommandError(
            f"{chapter} has no connection {which}to {provider.name}: connect one on the marketplace first."
        )
    if len(known) > 1:
        names = ", ".join(f"'{one.name}'" for one in known)
        raise CommandError(
            f"{chapter} has several connections to {provider.name}: {names}. Say which with --connection."
        )
    return known[0]


def _is(text: str, key: UUID) -> bool:
    try:
        return UUID(text) == key
    except ValueError:
        return False


def _resources(connection: Connection, provider: Provider, wanted: str | None) -> list[Resource]:
    if wanted is None:
        return services.switched_on(connection, provider)
    try:
        return [provider.resource(wanted)]
    except KeyError:
        known = ", ".join(resource.name for resource in provider.resources)
        raise CommandError(f"{provider.name} has no resource '{wanted}'. It has: {known}.") from None


def _approved(connection: Connection, wanted: str | None) -> list[Resource]:
    """The resources whose plans are named; none where no plan is."""
    if wanted in (None, EVERYTHING):
        return []
    plans = {str(run.pk): run for run in waiting.runs(connection)}
    named = [text.strip().lower() for text in str(wanted).split(",")]
    unknown = [text for text in named if text not in plans]
    if unknown:
        raise CommandError(f"No plan {unknown[0]} of '{connection.name}' waits for approval.")
    chosen = {plans[text].resource for text in named}
    return [one for one in services.in_order(registry.get(connection.provider)) if one.name in chosen]


def _begun(connection: Connection, resource: Resource, options: dict[str, Any]) -> SyncRun:
    try:
        run = services.run_here(
            connection,
            resource,
            full=options["full"],
            plan_only=options["plan"],
            approved=options["approve"] is not None,
        )
    except decisions.NotYet as error:
        raise CommandError(str(error)) from None
    if run is None:
        raise CommandError(
            f"The {resource.name} of '{connection.name}' are being read already: wait for that run, or cancel it."
        )
    return run


@contextmanager
def _bars(name: str) -> Iterator[Any]:
    """A progress bar per resource where somebody looks at a terminal, and nothing otherwise."""
    if not sys.stdout.isatty():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    with Progress(*columns, transient=True) as progress:
        tasks: dict[str, Any] = {}

        def show(run: SyncRun) -> None:
            if run.resource not in tasks:
                tasks[run.resource] = progress.add_task(f"{name}: {run.resource}", total=None, pace="")
            said = f"{pace.sentence(run, timezone.now())} {run.pages:,} pages."
            progress.update(tasks[run.resource], completed=run.fetched, total=run.total, pace=said)

        yield show
