"""What two versions of a mapping differ in, in sentences."""

from __future__ import annotations

from collections.abc import Mapping

from integrations.provider import Field, Resource

from .lookups import key
from .models import FieldMapping
from .overrides import Override, Step
from .rules import usual

_RULES = {
    "direction": ("goes", FieldMapping.Direction),
    "owner": ("when both changed", FieldMapping.Owner),
    "write": ("written here", FieldMapping.Write),
    "write_out": ("written there", FieldMapping.WriteOut),
}


def differences(resource: Resource, old: Mapping[str, Override], new: Mapping[str, Override]) -> list[str]:
    """One sentence per thing that is otherwise in `new`; none where both mean the same."""
    known: dict[str, Step] = {step.to: step for step in resource.mapping.fields}
    names = [*known, *sorted((set(old) | set(new)) - set(known))]
    found: list[str] = []
    for name in names:
        plain = usual(known.get(name) or Field(name, ""))
        found += [f"{name}: {said}" for said in _of_one(old.get(name, plain), new.get(name, plain))]
    return found


def how(one: Override) -> str:
    """What makes the value, in words."""
    if not one.taken:
        return "not taken"
    if one.transform == "formula":
        return f"worked out as {one.formula}"
    said = one.source.replace(",", ", ")
    return f"{said}, looked up in a table" if one.transform == "lookup" else said


def _of_one(old: Override, new: Override) -> list[str]:
    found: list[str] = []
    if how(old) != how(new):
        found.append(f"{how(new)}, before: {how(old)}")
    if old.transform == new.transform == "lookup":
        found += _of_tables(old, new)
    elif new.transform == "lookup":
        found.append(f"{len(new.table)} {'row' if len(new.table) == 1 else 'rows'} in its table")
    if old.formula_out != new.formula_out:
        found.append(f"sent as {new.formula_out or 'nothing'}, before: {old.formula_out or 'nothing'}")
    for column, (about, choices) in _RULES.items():
        before, after = getattr(old, column), getattr(new, column)
        if before != after:
            found.append(f"{about}: {choices(after).label}, before: {choices(before).label}")
    return found


def _of_tables(old: Override, new: Override) -> list[str]:
    before, after = ({key(theirs): key(ours) for theirs, ours in one.table} for one in (old, new))
    found = [f"“{theirs}” becomes “{ours}”" for theirs, ours in after.items() if theirs not in before]
    found += [f"“{theirs}” has no row any more" for theirs in before if theirs not in after]
    found += [
        f"“{theirs}” becomes “{ours}”, before: “{before[theirs]}”"
        for theirs, ours in after.items()
        if before.get(theirs, ours) != ours
    ]
    if old.otherwise != new.otherwise:
        said = [f"“{key(one.otherwise)}”" if one.otherwise is not None else "an error" for one in (new, old)]
        found.append(f"any other value becomes {said[0]}, before: {said[1]}")
    return found
