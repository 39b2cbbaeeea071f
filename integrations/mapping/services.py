"""A connection's field mappings, as pages and the API read and save them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.apps import apps
from django.db import transaction

from integrations import registry
from integrations.connections.models import Connection
from integrations.provider import Resource

from . import history
from .compile import compile_mapping
from .models import FieldMapping, MappingVersion
from .overrides import Override, overrides_of
from .rules import FieldRule, MappingRefused, checked, rules_of

__all__ = ["FieldRule", "MappingRefused", "field_rules", "restore", "save_field_rules"]

Changes = Mapping[str, Mapping[str, Any] | None]


def field_rules(connection: Connection, resource: str) -> list[FieldRule]:
    """The rules in force for one resource of a connection, in the provider's order. KeyError for an unknown resource."""
    declared = registry.get(connection.provider).resource(resource)
    return rules_of(declared, overrides_of(connection, resource))


def save_field_rules(
    connection: Connection, resource: str, changes: Changes, *, reapply: bool = True, who: str = "", note: str = ""
) -> None:
    """Save deviations: canonical field -> columns of a FieldMapping (any of them), None = as the provider says.

    A change of effect is kept as a version. With `reapply` the next run reads everything again; without, a record that is here
    stays as it is until it changes there. Raises MappingRefused with a sentence per field, and saves nothing then; KeyError
    for an unknown resource.
    """
    declared = registry.get(connection.provider).resource(resource)
    with transaction.atomic():
        _lock(connection, resource)
        before = overrides_of(connection, resource)
        after = checked(declared, before, changes)
        _replace(connection, declared, before, after, reapply=reapply, who=who, note=note)


def restore(version: MappingVersion, *, reapply: bool = True, who: str = "") -> None:
    """Make the deviations what they were in that version; this is a version of its own. Raises MappingRefused where the
    provider's mapping no longer allows it."""
    declared = registry.get(version.connection.provider).resource(version.resource)
    with transaction.atomic():
        _lock(version.connection, version.resource)
        before = overrides_of(version.connection, version.resource)
        after = checked(declared, {}, {name: asdict(one) for name, one in history.overrides_in(version).items()})
        note = f"Version {version.number} again."
        _replace(version.connection, declared, before, after, reapply=reapply, who=who, note=note)


def _replace(
    connection: Connection,
    resource: Resource,
    before: Mapping[str, Override],
    after: Mapping[str, Override],
    *,
    reapply: bool,
    who: str,
    note: str,
) -> None:
    states = apps.get_model("integrations", "ResourceState").objects.filter(
        connection=connection, resource=resource.name
    )
    if history.same(before, after):
        if reapply and history.standing(connection, resource.name):
            history.reapply(connection, resource.name)
            states.update(cursor="", position=None)
        return
    _store(connection, resource.name, before, after)
    history.keep(connection, resource.name, before, after, reapplied=reapply, who=who, note=note)
    if reapply:
        history.reapply(connection, resource.name)
        states.update(cursor="", position=None)
        return
    old, new = (compile_mapping(resource, overrides).fingerprint for overrides in (before, after))
    # What was read with the old mapping is not read again for the new one; a read that is under way begins anew with it.
    states.filter(mapping=old).update(mapping=new)
    states.update(position=None)


def _lock(connection: Connection, resource: str) -> None:
    """Two saves never cross, nor a save and a batch of a running sync."""
    Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
    state = apps.get_model("integrations", "ResourceState")
    state.objects.select_for_update().filter(connection=connection, resource=resource).first()


def _store(
    connection: Connection, resource: str, before: Mapping[str, Override], after: Mapping[str, Override]
) -> None:
    rows = FieldMapping.objects.filter(connection=connection, resource=resource)
    rows.filter(field__in=set(before) - set(after)).delete()
    for name, override in after.items():
        if before.get(name) != override:
            rows.update_or_create(
                connection=connection,
                resource=resource,
                field=name,
                defaults={**asdict(override), "is_active": True},
            )
