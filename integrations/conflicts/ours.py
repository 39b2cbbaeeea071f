"""Our side of records in conflict: what it says now, and what it would be with other values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from pydantic_core import to_jsonable_python

from integrations.mapping.compile import Reason
from integrations.sync.intake import row_of, validated
from integrations.sync.rebuild import canonical_of, columns_of, stored
from integrations.sync.sides import by_key, child_of, items_by_key, key_of
from integrations.targets import Children, Target

# A canonical field, and the key of one of its keyed children ("" for the whole field).
Name = tuple[str, str]
Rows = list[dict[str, Any]]


@dataclass(kw_only=True)
class Put:
    """What changes in our tables when values are put in: columns of the row, and children with their rows before and after."""

    columns: dict[str, Any] = field(default_factory=dict)
    children: list[tuple[Children, Rows, Rows]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.columns or self.children)


@dataclass
class Ours:
    """A row of ours with its children's rows by canonical list."""

    target: Target
    row: dict[str, Any]
    kin: dict[str, Rows]

    @cached_property
    def canonical(self) -> dict[str, Any]:
        """As JSON; absent fields are left out."""
        found: dict[str, Any] = to_jsonable_python(canonical_of(self.target, self.row, self.kin))
        return found

    def value(self, name: Name) -> Any:
        """What a field says now, None for nothing."""
        return part_of(self.target, self.canonical, name)

    def is_as(self, name: Name, value: Any) -> bool:
        """Whether the value, stored, would be what is stored now: `Ada@X.org` is the same address as `ada@x.org`."""
        if self.value(name) == value:
            return True
        put, reasons = self.with_values({name: value})
        return not reasons and not put

    def with_values(self, values: Mapping[Name, Any]) -> tuple[Put, list[Reason]]:
        """What the values would change, or every reason why they cannot be."""
        wanted = with_parts(self.target, self.canonical, values)
        record, reasons = validated(self.target, wanted)
        if record is None:
            return Put(), reasons
        row, reasons = row_of(self.target, record)
        if reasons:
            return Put(), reasons
        put = Put()
        columns = columns_of(self.target.name)
        for name, part in values:
            if name in columns:
                column = columns[name]
                together = [column, "currency"] if column == f"{name}_minor" else [column]
                put.columns |= {one: row[one] for one in together if row[one] != self.row[one]}
            else:
                child = child_of(self.target, name)
                old, new = self._children(child, child.rows(record), part)
                put.children += [(child, old, new)] if old != new else []
        return put, []

    def _children(self, child: Children, wanted: Rows, part: str) -> tuple[Rows, Rows]:
        columns = list((wanted or [{}])[0]) or list(child.key)
        ours = [{column: row[column] for column in columns} for row in self.kin.get(child.field, ())]
        if not part:
            return ours, wanted
        key = key_of(part)
        pick = [by_key(child, rows).get(key) for rows in (ours, wanted)]
        old, new = ([row] if row else [] for row in pick)
        return old, new


def load(target: Target, ids: Collection[UUID], *, lock: bool = False) -> dict[UUID, Ours]:
    """Our records by id, as `rebuild.stored` finds them."""
    return {id_: Ours(target, *found) for id_, found in stored(target, ids, lock=lock).items()}


def part_of(target: Target, record: Mapping[str, Any], name: Name) -> Any:
    value = record.get(name[0])
    if not name[1]:
        return value
    return items_by_key(child_of(target, name[0]), value).get(key_of(name[1]))


def with_parts(target: Target, record: Mapping[str, Any], values: Mapping[Name, Any]) -> dict[str, Any]:
    """The canonical record with other values; None takes a field, or a keyed child, out."""
    wanted = dict(record)
    for (name, part), value in values.items():
        if part:
            items = items_by_key(child_of(target, name), wanted.get(name)) | {key_of(part): value}
            wanted[name] = [item for item in items.values() if item is not None]
        else:
            wanted[name] = value
    return {name: value for name, value in wanted.items() if value is not None}
