"""What a provider's declaration says, as rows for people: what is read, what it becomes, what is written back."""

from __future__ import annotations

from dataclasses import dataclass

from integrations import targets
from integrations.connections.models import Connection
from integrations.mapping.models import FieldMapping
from integrations.mapping.services import field_rules
from integrations.mapping.words import how
from integrations.provider import Const, Each, Field, Flag, FullComparison, Provider, Resource, Tombstones

from . import words


@dataclass(frozen=True, kw_only=True)
class FieldRow:
    """One canonical field. `theirs` is the path in the vendor's record; empty for a fixed value."""

    ours: str
    theirs: str
    fixed: str = ""
    written: bool = False


@dataclass(frozen=True, kw_only=True)
class RuleRow:
    """How one connection takes one canonical field. `owner` and `write` in words, empty for a fixed value; `theirs` is a path,
    or words where it is `worked_out`; `direction` in words where it is not both ways."""

    ours: str
    theirs: str
    fixed: str = ""
    owner: str = ""
    write: str = ""
    changed: bool = False
    worked_out: bool = False
    direction: str = ""


@dataclass(frozen=True, kw_only=True)
class ResourceRow:
    name: str
    label: str
    becomes: str
    every: str
    written: bool
    deletes: str
    fields: list[FieldRow]


def resource_rows(provider: Provider) -> list[ResourceRow]:
    return [
        ResourceRow(
            name=resource.name,
            label=words.resource(provider, resource.name),
            becomes=becomes(resource),
            every=words.every(resource.every),
            written=resource.write is not None,
            deletes=_deletes(resource),
            fields=_field_rows(resource),
        )
        for resource in provider.resources
    ]


def becomes(resource: Resource) -> str:
    """The target's label: `Invoice`."""
    known = targets.all_targets().get(resource.target)
    return known.label if known else resource.target


def rule_rows(connection: Connection, resource: Resource) -> list[RuleRow]:
    """The resource's fields as this connection takes them, its own deviations included."""
    fixed = {step.to: str(step.value) for step in resource.mapping.fields if isinstance(step, Const)}
    return [
        RuleRow(ours=rule.field, theirs="", fixed=fixed[rule.field])
        if rule.field in fixed
        else RuleRow(
            ours=rule.field,
            theirs=how(rule) if rule.taken else "",
            worked_out=rule.transform != "direct",
            owner=FieldMapping.Owner(rule.owner).label,
            write=FieldMapping.Write(rule.write).label,
            changed=rule.overridden,
            direction=FieldMapping.Direction(rule.direction).label if rule.direction != "both" else "",
        )
        for rule in field_rules(connection, resource.name)
    ]


def _field_rows(resource: Resource) -> list[FieldRow]:
    rows: list[FieldRow] = []
    for step in resource.mapping.fields:
        if isinstance(step, Each):
            rows += [_field_row(resource, part, inside=step) for part in step.fields]
        else:
            rows.append(_field_row(resource, step))
    return rows


def _field_row(resource: Resource, step: Field | Const, *, inside: Each | None = None) -> FieldRow:
    ours = f"{inside.to}: {step.to}" if inside else step.to
    if isinstance(step, Const):
        return FieldRow(ours=ours, theirs="", fixed=str(step.value))
    theirs = ", ".join(step.sources)
    return FieldRow(
        ours=ours,
        theirs=f"{inside.source}: {theirs}" if inside else theirs,
        written=resource.write is not None and (step.convert is None or step.convert.outward is not None),
    )


def _deletes(resource: Resource) -> str:
    match resource.deletes:
        case Flag():
            return "Marked as gone here when it is marked so there."
        case Tombstones(path="", field=_):
            return "Marked as gone here when it says there that it was deleted."
        case Tombstones(brake=brake):
            return f"Gone here when the list of deletions names it; more than {brake:.0%} at once waits for a person."
        case FullComparison(brake=brake):
            return f"Gone here when it is gone there; more than {brake:.0%} at once waits for a person."
        case _:
            return "Never removed."
