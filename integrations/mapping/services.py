"""A connection's field mappings, as pages and the API read and save them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.apps import apps
from django.db import transaction

from integrations import registry, targets
from integrations.connections.models import Connection
from integrations.provider import Const, Each, Field, Resource

from .compile import MappingError, compile_mapping
from .models import FieldMapping
from .overrides import Override, fingerprint, overrides_of, source_of

_PATHS = re.compile(r"/?[\w$@:-]+(\.[\w$@:-]+)*(,/?[\w$@:-]+(\.[\w$@:-]+)*)*", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class FieldRule:
    """One canonical field: where it comes from and what happens when it arrives. `default_source` is the provider's path;
    `kind` is field, list (an `Each`) or constant (which cannot be changed)."""

    field: str
    source: str
    default_source: str
    owner: str
    write: str
    kind: str
    required: bool
    overridden: bool


class MappingRefused(ValueError):
    """What was asked cannot be saved. `reasons`: canonical field -> sentence."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self.reasons = dict(reasons)
        super().__init__(" ".join(f"{field}: {reason}" for field, reason in self.reasons.items()))


def field_rules(connection: Connection, resource: str) -> list[FieldRule]:
    """The rules in force for one resource of a connection, in the provider's order. KeyError for an unknown resource."""
    declared = registry.get(connection.provider).resource(resource)
    overrides = overrides_of(connection, resource)
    known = {step.to: step for step in declared.mapping.fields}
    added = [Field(name, "") for name in sorted(overrides) if name not in known]
    return [_rule(step, overrides.get(step.to), declared) for step in [*known.values(), *added]]


def save_field_rules(connection: Connection, resource: str, changes: Mapping[str, Mapping[str, Any] | None]) -> None:
    """Save deviations: canonical field -> {"source", "owner", "write"} (any of them), None = as the provider says.

    A change of effect makes the next run read everything again. Raises MappingRefused with a sentence per field, and saves
    nothing then; KeyError for an unknown resource.
    """
    declared = registry.get(connection.provider).resource(resource)
    with transaction.atomic():
        state = apps.get_model("integrations", "ResourceState")
        # The row is the lock: a batch of a running sync and a change of its mapping never cross.
        state.objects.select_for_update().filter(connection=connection, resource=resource).first()
        before = overrides_of(connection, resource)
        after = _checked(declared, before, changes)
        if fingerprint(before) == fingerprint(after):
            return
        _store(connection, resource, before, after)
        state.objects.filter(connection=connection, resource=resource).update(cursor="", position=None)


def _rule(step: Field | Const | Each, override: Override | None, resource: Resource) -> FieldRule:
    target = targets.get(resource.target)
    default = source_of(step)
    declared = target.canonical.model_fields.get(step.to)
    kind = {Field: "field", Const: "constant", Each: "list"}[type(step)]
    return FieldRule(
        field=step.to,
        source=override.source if override else default,
        default_source=default,
        owner=override.owner if override else getattr(step, "owner", "theirs"),
        write=override.write if override else getattr(step, "write", "always"),
        kind=kind,
        required=declared is not None and declared.is_required(),
        overridden=override is not None,
    )


def _checked(
    resource: Resource, before: Mapping[str, Override], changes: Mapping[str, Mapping[str, Any] | None]
) -> dict[str, Override]:
    after, reasons = dict(before), {}
    known = {step.to: step for step in resource.mapping.fields}
    for name, change in changes.items():
        if change is None:
            after.pop(name, None)
            continue
        step = known.get(name) or Field(name, "")
        rule = asdict(_rule(step, before.get(name), resource)) | dict(change)
        if reason := _refusal(resource, step, rule):
            reasons[name] = reason
        after[name] = Override(source=str(rule["source"]), owner=str(rule["owner"]), write=str(rule["write"]))
    if not reasons:
        try:
            compile_mapping(resource, after)
        except MappingError as error:
            reasons[""] = str(error)
    if reasons:
        raise MappingRefused(reasons)
    return after


def _refusal(resource: Resource, step: Field | Const | Each, rule: Mapping[str, Any]) -> str:
    """Why the rule cannot be, or an empty text."""
    source = str(rule["source"])
    known = step.to.partition(".")[0] in targets.get(resource.target).canonical.model_fields
    paths = len(step.sources) if isinstance(step, Field) else 1
    problems = {
        "There is no such field.": not known,
        "It is the same in every record and cannot be changed.": isinstance(step, Const),
        "The owner is one of ours, theirs, newest, ask.": rule["owner"] not in FieldMapping.Owner.values,
        "The write mode is one of always, if_empty, never, append.": rule["write"] not in FieldMapping.Write.values,
        "A record cannot be made without it: give it a source.": rule["required"] and not source,
        "The source is a dotted path such as Contact.Name.": bool(source) and not _PATHS.fullmatch(source),
        "The source is longer than 200 characters.": len(source) > 200,
        f"It is made of {paths} paths, joined by commas.": bool(source) and len(source.split(",")) != paths,
    }
    return next((sentence for sentence, wrong in problems.items() if wrong), "")


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
