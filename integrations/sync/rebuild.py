"""A stored record in canonical form again: what pages and partners are shown, and what ours is compared by."""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple, Union, get_args, get_origin
from uuid import UUID

from django.db import connection as database
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from integrations import targets
from integrations.canonical import Money, shortest
from integrations.provider.money import money
from integrations.targets import Children, Target

from .copy import table

Row = Mapping[str, Any]
Kin = Mapping[str, Sequence[Row]]
Read = Callable[[Row, Row, Kin], Any]


class Stored(NamedTuple):
    """A row of ours, and its children's rows by canonical field."""

    row: dict[str, Any]
    kin: dict[str, list[dict[str, Any]]]


def stored(target: Target, ids: Collection[UUID], *, lock: bool = False) -> dict[UUID, Stored]:
    """Our records by id, without those that are no longer here: one query, and one per kind of children. With `lock` the rows
    are, until the transaction ends."""
    if not ids:
        return {}
    wanted = list(ids)
    with database.cursor() as cursor:
        root = table(target.model)
        rows = root.locked(cursor, wanted) if lock else root.found(cursor, wanted)
        kin = {child.field: table(child.model).of_parents(cursor, child.parent, wanted) for child in target.children}
    return {one: Stored(row, {name: found.get(one, []) for name, found in kin.items()}) for one, row in rows.items()}


def canonical_of(target: Target, row: Row, kin: Kin) -> dict[str, Any]:
    """Canonical fields of a row, as Python values; `kin` are its children's rows by canonical field. Absent = None."""
    return _read(_reads(target.name), row, row, kin)


def _read(reads: Mapping[str, Read], row: Row, parent: Row, kin: Kin) -> dict[str, Any]:
    return {name: value for name, read in reads.items() if (value := read(row, parent, kin)) is not None}


@cache
def _reads(name: str) -> dict[str, Read]:
    target = targets.get(name)
    return _of_model(target.canonical, target)


@cache
def columns_of(name: str) -> dict[str, str]:
    """Canonical field -> the column of a target's row that holds it, for all fields that are not lists of children."""
    target = targets.get(name)
    children = {child.field for child in target.children}
    fields = target.canonical.model_fields
    return {field: _column_of(field, info, target) for field, info in fields.items() if field not in children}


def _column_of(name: str, info: FieldInfo, target: Target | None) -> str:
    if target and name in target.refs:
        return f"{name}_id"
    if Money in _members(info.annotation):
        return f"{name}_minor"
    return target.renamed.get(name, name) if target else name


def _of_model(model: type[BaseModel], target: Target | None) -> dict[str, Read]:
    children = {child.field: child for child in target.children} if target else {}
    reads: dict[str, Read] = {}
    for name, info in model.model_fields.items():
        column = _column_of(name, info, target)
        if name in children:
            reads[name] = _list_of(children[name], info)
        elif Money in _members(info.annotation):
            reads[name] = _money(column)
        else:
            reads[name] = _column(column, info)
    return reads


def _column(column: str, info: FieldInfo) -> Read:
    """An empty text in a field that may be absent says that it is."""
    optional = not info.is_required() and info.default is None

    def read(row: Row, parent: Row, kin: Kin) -> Any:
        value = row.get(column)
        if value == "" and optional:
            return None
        return shortest(str(value)) if isinstance(value, Decimal) else value

    return read


def _money(column: str) -> Read:
    def read(row: Row, parent: Row, kin: Kin) -> Any:
        value, currency = row.get(column), row.get("currency") or parent.get("currency")
        try:
            return money(value, currency) if value is not None and currency else None
        except ValueError:  # somebody here wrote a currency that is none
            return None

    return read


def _list_of(child: Children, info: FieldInfo) -> Read:
    (model,) = (part for part in _members(info.annotation) if isinstance(part, type) and issubclass(part, BaseModel))
    reads = _of_model(model, None)

    def read(row: Row, parent: Row, kin: Kin) -> Any:
        return [_read(reads, one, row, {}) for one in kin.get(child.field, ())]

    return read


def _members(annotation: Any) -> tuple[Any, ...]:
    """The types in `X | None`, `list[X]` or `X`."""
    if get_origin(annotation) in (Union, types.UnionType, list):
        return get_args(annotation)
    return (annotation,)
