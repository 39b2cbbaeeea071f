"""The way out: canonical data -> the vendor's record, by the same declaration that reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from integrations.provider import Const, Each, Field

from .overrides import Step
from .paths import getter, setter

Out = dict[str, Any]


def outward_of(steps: tuple[Step, ...]) -> Callable[[Mapping[str, Any]], Out]:
    """Fields without a way out, and absent ones, are left out of the record; so is a part that a converter has nothing for."""
    gives = tuple(_give(step) for step in steps if not isinstance(step, Const))

    def outward(data: Mapping[str, Any]) -> Out:
        record: Out = {}
        for give in gives:
            give(data, record, record)
        return record

    return outward


def _give(step: Field | Each) -> Callable[[Mapping[str, Any], Out, Out], None]:
    return _give_each(step) if isinstance(step, Each) else _give_field(step)


def _give_field(step: Field) -> Callable[[Mapping[str, Any], Out, Out], None]:
    get = getter(step.to)
    puts = tuple((setter(path.removeprefix("/")), path.startswith("/")) for path in step.sources)
    convert = step.convert

    def give(data: Mapping[str, Any], element: Out, root: Out) -> None:
        value = get(data)
        if value is None or (convert and convert.outward is None):
            return
        if convert and convert.outward:
            value = convert.outward(value)
        values = value if len(puts) > 1 else (value,)
        for (put, rooted), part in zip(puts, values, strict=True):
            if part is not None:
                put(root if rooted else element, part)

    return give


def _give_each(step: Each) -> Callable[[Mapping[str, Any], Out, Out], None]:
    get, put = getter(step.to), setter(step.source.removeprefix("/"))
    rooted = step.source.startswith("/")
    gives = tuple(_give(inner) for inner in step.fields if not isinstance(inner, Const))

    def give(data: Mapping[str, Any], element: Out, root: Out) -> None:
        items = get(data)
        if items is None:
            return
        made: list[Out] = []
        for item in items:
            found: Out = {}
            for inner in gives:
                inner(item, found, root)
            made.append(found)
        put(root if rooted else element, made)

    return give
