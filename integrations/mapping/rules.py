"""How each field of a resource is filled for one connection, and what cannot be asked of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from integrations import targets
from integrations.provider import Const, Each, Field, Resource

from . import lookups
from .compile import MappingError, compile_mapping
from .formulas import BadFormula, formula
from .models import FieldMapping
from .overrides import COLUMNS, Override, Step, override, source_of

_PATHS = re.compile(r"/?[\w$@:-]+(\.[\w$@:-]+)*(,/?[\w$@:-]+(\.[\w$@:-]+)*)*", re.ASCII)
LONGEST_SOURCE = 200


@dataclass(frozen=True, kw_only=True)
class FieldRule(Override):
    """One canonical field: the Override in force, or what the provider's mapping amounts to. `default_source` is the
    provider's path; `kind` is field, list (an `Each`) or constant (which cannot be changed). `one_way`: as it is, the field
    has no way out, whatever its direction. `warnings` are sentences."""

    field: str
    default_source: str
    kind: str
    required: bool
    overridden: bool
    one_way: bool = False
    warnings: tuple[str, ...] = ()


class MappingRefused(ValueError):
    """What was asked cannot be saved. `reasons`: canonical field -> sentence; `parts`: canonical field -> the column that the
    sentence is about."""

    def __init__(self, reasons: Mapping[str, str], parts: Mapping[str, str] | None = None) -> None:
        self.reasons, self.parts = dict(reasons), dict(parts or {})
        super().__init__(" ".join(f"{field}: {reason}" for field, reason in self.reasons.items()))


def rules_of(resource: Resource, overrides: Mapping[str, Override]) -> list[FieldRule]:
    """One per canonical field, in the provider's order; those that only an override names come last."""
    known: dict[str, Step] = {step.to: step for step in resource.mapping.fields}
    added = [Field(name, "") for name in sorted(overrides) if name not in known]
    return [_rule(step, overrides.get(step.to), resource) for step in [*known.values(), *added]]


def unused(resource: Resource, rules: Iterable[FieldRule]) -> list[FieldRule]:
    """The canonical fields that no rule fills, as rules that take nothing. One that names another record is not."""
    target = targets.get(resource.target)
    filled = {rule.field.partition(".")[0] for rule in rules} | set(target.refs)
    return [_rule(Field(name, ""), None, resource) for name in target.canonical.model_fields if name not in filled]


def usual(step: Step) -> Override:
    """What the provider's own mapping amounts to."""
    return Override(
        source=source_of(step), owner=getattr(step, "owner", "theirs"), write=getattr(step, "write", "always")
    )


def whole(resource: Resource, name: str, change: Mapping[str, Any]) -> dict[str, Any]:
    """The change of one field with everything it does not say as the provider has it, whatever is saved now."""
    step = next((step for step in resource.mapping.fields if step.to == name), Field(name, ""))
    return _wanted(usual(step), change)


def checked(
    resource: Resource, before: Mapping[str, Override], changes: Mapping[str, Mapping[str, Any] | None]
) -> dict[str, Override]:
    """`before` with the changes: canonical field -> columns of an Override (any of them), None = as the provider says. Raises
    MappingRefused with a sentence per field."""
    after, reasons, parts = dict(before), {}, {}
    known: dict[str, Step] = {step.to: step for step in resource.mapping.fields}
    for name, change in changes.items():
        if change is None:
            after.pop(name, None)
            continue
        step = known.get(name) or Field(name, "")
        wanted = _wanted(before.get(name) or usual(step), change)
        part, reason = _refusal(resource, step, wanted)
        if reason:
            reasons[name], parts[name] = reason, part
            continue
        after[name] = _tidy(override(wanted))
    if not reasons:
        try:
            compile_mapping(resource, after)
        except MappingError as error:
            reasons[""] = str(error)
    if reasons:
        raise MappingRefused(reasons, parts)
    return after


def _wanted(base: Override, change: Mapping[str, Any]) -> dict[str, Any]:
    wanted = {name: getattr(base, name) for name in COLUMNS} | dict(change)
    if wanted["transform"] != "direct" and "source" not in change and "," in str(wanted["source"]):
        wanted["source"] = ""  # a table and the way out of a formula have one path
    return wanted


def _tidy(made: Override) -> Override:
    """Without what its transform does not use, so that what means the same is the same."""
    used = {
        "direct": {},
        "lookup": {"table": made.table, "otherwise": made.otherwise},
        "formula": {"formula": made.formula.strip(), "formula_out": made.formula_out.strip()},
    }[made.transform]
    plain = {name: getattr(made, name) for name in ("source", "owner", "write", "transform", "direction", "write_out")}
    return Override(**plain, **used)


def _rule(step: Step, found: Override | None, resource: Resource) -> FieldRule:
    now = found or usual(step)
    return FieldRule(
        **{one.name: getattr(now, one.name) for one in fields(Override)},
        field=step.to,
        default_source=source_of(step),
        kind={Field: "field", Const: "constant", Each: "list"}[type(step)],
        required=_required(step, resource),
        overridden=found is not None,
        one_way=bool(isinstance(step, Field) and step.convert and step.convert.outward is None),
        warnings=tuple(_warnings(step, now, resource)),
    )


def _required(step: Step, resource: Resource) -> bool:
    declared = targets.get(resource.target).canonical.model_fields.get(step.to)
    return declared is not None and declared.is_required()


def _refusal(resource: Resource, step: Step, wanted: Mapping[str, Any]) -> tuple[str, str]:
    """The column that is wrong and why, or two empty texts."""
    choices = {
        "owner": ("The owner is one of ours, theirs, newest, ask.", FieldMapping.Owner),
        "write": ("The write mode is one of always, if_empty, never, append.", FieldMapping.Write),
        "write_out": (
            "The write mode on the way out is one of always, if_empty, never, append.",
            FieldMapping.WriteOut,
        ),
        "direction": ("The direction is one of both, in, out.", FieldMapping.Direction),
        "transform": ("The kind is one of direct, lookup, formula.", FieldMapping.Transform),
    }
    if step.to.partition(".")[0] not in targets.get(resource.target).canonical.model_fields:
        return "", "There is no such field."
    if isinstance(step, Const):
        return "", "It is the same in every record and cannot be changed."
    for part, (sentence, allowed) in choices.items():
        if wanted[part] not in allowed.values:
            return part, sentence
    if isinstance(step, Each) and wanted["transform"] != "direct":
        return "transform", "A list is taken as it is: only its path can be changed."
    if _required(step, resource) and wanted["direction"] == "out":
        return "direction", "A record cannot be made without it: it cannot only go out."
    if wanted["direction"] == "out" and resource.write is None:
        return "direction", "Nothing of this kind is written there, so it would go neither way."
    return _transform_refusal(resource, step, wanted)


def _transform_refusal(resource: Resource, step: Field | Each, wanted: Mapping[str, Any]) -> tuple[str, str]:
    source, transform = str(wanted["source"] or ""), wanted["transform"]
    if source and not _PATHS.fullmatch(source):
        return "source", "The source is a dotted path such as Contact.Name."
    if len(source) > LONGEST_SOURCE:
        return "source", f"The source is longer than {LONGEST_SOURCE} characters."
    paths = len(step.sources) if isinstance(step, Field) and transform == "direct" else 1
    if source and len(source.split(",")) != paths:
        return "source", f"It is made of {paths} {'path' if paths == 1 else 'paths, joined by commas'}."
    if transform == "formula":
        return _formula_refusal(wanted, source)
    if transform == "lookup":
        if not source:
            return "source", "Say whose values the table translates."
        return "table", lookups.mistake(wanted["table"], wanted["otherwise"])
    if _required(step, resource) and not source:
        return "source", "A record cannot be made without it: give it a source."
    return "", ""


def _formula_refusal(wanted: Mapping[str, Any], source: str) -> tuple[str, str]:
    for part in ("formula", "formula_out"):
        written = str(wanted[part] or "")
        if written or part == "formula":
            try:
                formula(written)
            except BadFormula as error:
                return part, str(error)
    if wanted["formula_out"] and not source:
        return "source", "Say which field of theirs the way out is written to."
    return "", ""


def _warnings(step: Step, now: Override, resource: Resource) -> list[str]:
    if isinstance(step, Const) or resource.write is None or now.direction == "in" or not now.taken:
        return []
    if now.transform == "lookup":
        return [
            f"On the way out “{ours}” could be {' or '.join(f'“{one}”' for one in theirs)}: which of them is not known, so a"
            " record with it is not sent. Let only one row lead to it, or take this field only from there to here."
            for ours, theirs in lookups.ambiguous(now.table).items()
        ]
    if now.transform == "formula" and not now.formula_out:
        return ["It is not sent: a formula goes one way. Add a formula for the way out if it should be."]
    return []
