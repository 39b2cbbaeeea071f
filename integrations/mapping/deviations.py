"""A connection's own mapping: the provider's, with the connection's deviations laid over it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from integrations.connections.models import Connection
from integrations.provider import Field, Provider

from .models import FieldMapping

Errors = list[dict[str, str]]
_PATH = re.compile(r"/?[\w-]+(\.[\w-]+)*")


@dataclass(frozen=True, kw_only=True)
class MappedField:
    """How one canonical field is filled on this connection. No `sources`: it is not taken.

    `changed`: the connection deviates from the provider here.
    """

    resource: str
    field: str
    sources: tuple[str, ...]
    ref: str | None
    required: bool
    owner: str
    write: str
    changed: bool


class DeviationsRefused(ValueError):
    """`errors`: `[{"pointer", "detail"}]`, every one of them."""

    def __init__(self, errors: Errors) -> None:
        super().__init__("; ".join(f"{error['pointer']}: {error['detail']}" for error in errors))
        self.errors = errors


def effective_mapping(connection: Connection, provider: Provider) -> list[MappedField]:
    """Every field of every resource, in the provider's order. One query. Constants and lists are the provider's alone."""
    overrides = {
        (row.resource, row.field): row for row in FieldMapping.objects.filter(connection=connection, is_active=True)
    }
    return [
        _laid_over(name, field, overrides.get((name, field.to)))
        for name, fields in _fields(provider).items()
        for field in fields.values()
    ]


def replace_deviations(connection: Connection, provider: Provider, wanted: Iterable[Mapping[str, Any]]) -> None:
    """Make these the connection's only deviations: `{resource, field, source, owner, write}`. A part that is absent or None
    stays the provider's; several paths are joined by commas; an empty source means the field is not taken. DeviationsRefused,
    and nothing changed, when any is wrong."""
    deviations = list(wanted)
    fields = _fields(provider)
    if errors := _mistakes(fields, deviations):
        raise DeviationsRefused(errors)
    rows = [_row(connection, fields[one["resource"]][one["field"]], one) for one in deviations]
    with transaction.atomic():
        FieldMapping.objects.filter(connection=connection).delete()
        FieldMapping.objects.bulk_create(row for row in rows if row is not None)


def _row(connection: Connection, field: Field, deviation: Mapping[str, Any]) -> FieldMapping | None:
    """The deviation's row, or None when it says what the provider says."""
    source, ours = deviation.get("source"), ",".join(field.sources)
    chosen = {
        "source": ours if source is None else source,
        "owner": deviation.get("owner") or field.owner,
        "write": deviation.get("write") or field.write,
    }
    if chosen == {"source": ours, "owner": field.owner, "write": field.write}:
        return None
    return FieldMapping(connection=connection, resource=deviation["resource"], field=field.to, **chosen)


def _fields(provider: Provider) -> dict[str, dict[str, Field]]:
    """Resource -> canonical field -> its declaration."""
    return {
        resource.name: {field.to: field for field in resource.mapping.fields if isinstance(field, Field)}
        for resource in provider.resources
    }


def _laid_over(resource: str, field: Field, row: FieldMapping | None) -> MappedField:
    sources = field.sources
    if row is not None:
        sources = tuple(row.source.split(",")) if row.source else ()
    return MappedField(
        resource=resource,
        field=field.to,
        sources=sources,
        ref=field.ref,
        required=field.required,
        owner=row.owner if row else field.owner,
        write=row.write if row else field.write,
        changed=row is not None,
    )


def _mistakes(fields: Mapping[str, Mapping[str, Field]], deviations: list[Mapping[str, Any]]) -> Errors:
    found: Errors = []
    seen: set[tuple[str, str]] = set()
    for index, deviation in enumerate(deviations):
        place = (deviation["resource"], deviation["field"])
        pointer, sentence = _mistake(fields, deviation)
        if sentence:
            found.append({"pointer": f"/mappings/{index}{pointer}", "detail": sentence})
        elif place in seen:
            found.append({"pointer": f"/mappings/{index}", "detail": "This field stands here twice."})
        seen.add(place)
    return found


def _mistake(fields: Mapping[str, Mapping[str, Field]], deviation: Mapping[str, Any]) -> tuple[str, str]:
    """Where one deviation is wrong, and why; ("", "") when it is not."""
    known = fields.get(deviation["resource"])
    if known is None:
        return "/resource", f"There is no such resource. There is: {', '.join(fields)}."
    field = known.get(deviation["field"])
    if field is None:
        return "/field", f"There is no such field. There is: {', '.join(known)}."
    source = deviation.get("source")
    if field.required and source == "":
        return "/source", "This field is required, so it must be taken."
    paths = source.split(",") if source else []
    if not all(_PATH.fullmatch(path) for path in paths):
        return "/source", "A path is names with dots between them, such as Contact.Name."
    if paths and len(paths) != len(field.sources):
        return "/source", f"This field is made of {len(field.sources)} paths, with commas between them."
    return "", ""
