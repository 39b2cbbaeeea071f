"""The versions of a connection's field mapping: listed, and brought back.

Each version stands in a line `N saved WHEN by WHO: NOTE`, with what it changed indented below.
"""

from __future__ import annotations

import itertools
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations import hub, registry
from integrations.connections.models import Connection
from integrations.mapping import history, services
from integrations.mapping.words import differences
from integrations.provider import Resource

MOST_SHOWN = 20


class Command(BaseCommand):
    help = "List or restore versions of a field mapping: mappings sydney 'Sydney ledger' contacts --restore 3"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("chapter", help="Slug of the chapter")
        parser.add_argument("connection", help="Name or id of the connection")
        parser.add_argument("resource", help="One of its resources")
        parser.add_argument("--restore", type=int, metavar="N", help="Make the mapping what it was in version N")
        parser.add_argument(
            "--reapply",
            choices=("true", "false"),
            default="true",
            help="Read everything again and compare (true), or let it count from now on (false)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with hub.enter(options["chapter"]):
                connection, resource = _found(options["connection"], options["resource"])
                if options["restore"] is not None:
                    self._restore(connection, resource, options["restore"], reapply=options["reapply"] == "true")
                self._list(connection, resource)
        except hub.ChapterUnavailable as error:
            raise CommandError(str(error)) from None

    def _restore(self, connection: Connection, resource: Resource, number: int, *, reapply: bool) -> None:
        version = history.versions(connection, resource.name).filter(number=number).first()
        if version is None:
            raise CommandError(f"There is no version {number} of the mapping of {resource.name}.")
        try:
            services.restore(version, reapply=reapply, who="the command line")
        except services.MappingRefused as error:
            raise CommandError(f"Version {number} cannot be had again: {error}") from None

    def _list(self, connection: Connection, resource: Resource) -> None:
        found = list(history.versions(connection, resource.name)[: MOST_SHOWN + 1])
        if not found:
            self.stdout.write(f"{resource.name} follows the provider's mapping; there are no versions.")
        for version, before in itertools.zip_longest(found[:MOST_SHOWN], found[1:]):
            if version is None:
                break
            since = "" if version.reapplied else " (from then on only)"
            by = f" by {version.who}" if version.who else ""
            self.stdout.write(
                f"{version.number} saved {version.created_at:%Y-%m-%d %H:%M} UTC{by}{since}: {version.note}"
            )
            if before is not None:
                for said in differences(resource, history.overrides_in(before), history.overrides_in(version)):
                    self.stdout.write(f"    {said}")


def _found(name: str, resource: str) -> tuple[Connection, Resource]:
    try:
        wanted = Connection.objects.filter(pk=UUID(name))
    except ValueError:
        wanted = Connection.objects.filter(name=name)
    connections = list(wanted)
    if len(connections) != 1:
        said = "There is no connection" if not connections else "There are several connections: give the id of one, not"
        raise CommandError(f"{said} '{name}'.")
    provider = registry.get(connections[0].provider)
    try:
        return connections[0], provider.resource(resource)
    except KeyError:
        known = ", ".join(one.name for one in provider.resources)
        raise CommandError(f"{provider.name} has no resource '{resource}'. It has: {known}.") from None
