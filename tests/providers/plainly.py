"""The declarations, interpreted as plainly as can be: what the contract suite holds the providers to, whatever the engine
makes of them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from pydantic import BaseModel

from integrations import targets
from integrations.provider import Const, Each, Field, Resource, dig
from integrations.provider.paths import plant


def read_json(raw: bytes | str) -> Any:
    """Every digit as it came; Python refuses to make an integer of thousands of them."""
    return json.loads(
        raw, parse_float=Decimal, parse_int=lambda digits: int(digits) if len(digits) < 40 else Decimal(digits)
    )


def inward(resource: Resource, record: Any) -> dict[str, Any]:
    """A vendor's record in canonical shape, references as the vendor's keys. ValueError with the field it is about."""
    return _fields(resource.mapping.fields, record, record)


def canonical(resource: Resource, record: Any) -> BaseModel:
    """The validated canonical record; a reference becomes some id."""
    data = inward(resource, record)
    for field in resource.mapping.fields:
        if isinstance(field, Field) and field.ref and data.get(field.to) is not None:
            data[field.to] = str(uuid5(NAMESPACE_URL, f"{field.ref}/{data[field.to]}"))
    return targets.get(resource.target).canonical.model_validate(data)


def outward(resource: Resource, data: dict[str, Any]) -> dict[str, Any]:
    """Canonical data as the vendor wants it written."""
    return _outward(resource.mapping.fields, data, None)


def _fields(fields: tuple[Any, ...], element: Any, root: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for field in fields:
        if isinstance(field, Const):
            made[field.to] = field.value
        elif isinstance(field, Each):
            items = dig(element, field.source)
            if items is not None:
                made[field.to] = [_fields(field.fields, item, root) for item in items]
        else:
            values = [dig(root, p[1:]) if p.startswith("/") else dig(element, p) for p in field.sources]
            try:
                value = field.convert.inward(*values) if field.convert else values[0]
            except ValueError as error:
                raise ValueError(f"{field.to}: {error}") from error
            if value is not None:
                made[field.to] = value
    return made


def _outward(fields: tuple[Any, ...], data: dict[str, Any], root: dict[str, Any] | None) -> dict[str, Any]:
    made: dict[str, Any] = {}
    root = made if root is None else root
    for field in fields:
        value = None if isinstance(field, Const) else data.get(field.to)
        if value is None:
            continue
        if isinstance(field, Each):
            plant(made, field.source, [_outward(field.fields, item, root) for item in value])
        elif field.convert is None or field.convert.outward is not None:
            given = field.convert.outward(value) if field.convert and field.convert.outward else value
            for path, part in zip(field.sources, given if len(field.sources) > 1 else (given,), strict=True):
                if part is not None:
                    plant(root if path.startswith("/") else made, path.lstrip("/"), part)
    return made
