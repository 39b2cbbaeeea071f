"""The versions of a connection's mappings: kept with every save, compared, and asked which of them still stand."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping

from django.db.models import QuerySet

from integrations.connections.models import Connection
from integrations.provider import Resource

from .compile import CompiledMapping, compile_mapping
from .models import MappingVersion
from .overrides import COLUMNS, Override, fingerprint, override, overrides_of

# So many mappings may stand side by side; records that only an older one knows are mapped anew.
MOST_STANDING = 10
FIRST = "As it was before the first change."


def versions(connection: Connection, resource: str) -> QuerySet[MappingVersion]:
    """The newest first."""
    return MappingVersion.objects.filter(connection=connection, resource=resource)


def overrides_in(version: MappingVersion) -> dict[str, Override]:
    return {name: override(columns) for name, columns in version.snapshot.items()}


def keep(
    connection: Connection,
    resource: str,
    before: Mapping[str, Override],
    after: Mapping[str, Override],
    *,
    reapplied: bool,
    who: str,
    note: str,
) -> MappingVersion:
    """The next version. Call it with the connection locked."""
    newest = versions(connection, resource).first()
    if newest is None:
        newest = MappingVersion.objects.create(
            connection=connection, resource=resource, number=1, snapshot=_snapshot(before), note=FIRST
        )
    return MappingVersion.objects.create(
        connection=connection,
        resource=resource,
        number=newest.number + 1,
        snapshot=_snapshot(after),
        reapplied=reapplied,
        who=who[:150],
        note=note[:200],
    )


def standing(connection: Connection, resource: str) -> list[dict[str, Override]]:
    """The earlier mappings that records here may still be as: those before each save that counts only from then on."""
    found: list[dict[str, Override]] = []
    newest = list(versions(connection, resource)[: MOST_STANDING + 1])
    for later, earlier in itertools.pairwise(newest):
        if later.reapplied:
            break
        found.append(overrides_in(earlier))
    return found


def reapply(connection: Connection, resource: str) -> None:
    """Every record is to be as the newest version says: no earlier one stands any more."""
    versions(connection, resource).filter(reapplied=False).update(reapplied=True)


def in_force(connection: Connection, resource: Resource) -> CompiledMapping:
    """The connection's mapping, compiled, which knows the earlier ones that still stand. Raises MappingError."""
    mapping = compile_mapping(resource, overrides_of(connection, resource.name))
    earlier = [compile_mapping(resource, overrides) for overrides in standing(connection, resource.name)]
    if not earlier:
        return mapping

    def as_before(record: object, digest: str) -> bool:
        for one in earlier:
            mapped = one.inward(record)
            if not mapped.errors and one.digest(mapped.data) == digest:
                return True
        return False

    return dataclasses.replace(mapping, as_before=as_before)


def _snapshot(overrides: Mapping[str, Override]) -> dict[str, dict[str, object]]:
    return {name: {column: getattr(one, column) for column in COLUMNS} for name, one in sorted(overrides.items())}


def same(left: Mapping[str, Override], right: Mapping[str, Override]) -> bool:
    return fingerprint(left) == fingerprint(right)
