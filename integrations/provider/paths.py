"""Dotted paths into a vendor's JSON: the one place that says what they mean.

`Contact.ContactID` goes down by keys, a number takes that element of a list (`Contacts.0`), the empty path is the value
itself. What is not there is None: vendors leave out what is empty.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from types import NoneType
from typing import Any

Getter = Callable[[Any], Any]
Setter = Callable[[MutableMapping[str, Any], Any], None]


def dig(value: Any, path: str) -> Any:
    """`dig({"a": [{"b": 1}]}, "a.0.b") == 1`; None where the path leads nowhere."""
    return getter(path)(value)


def plant(value: MutableMapping[str, Any], path: str, leaf: Any) -> None:
    """Set `leaf` at `path`, making the dictionaries on the way: the inverse of `dig` for paths without numbers."""
    setter(path)(value, leaf)


def getter(path: str, opaque: type = NoneType) -> Getter:
    """`dig` for one path and many values: the path is taken apart once. Below an `opaque` value is that value itself."""
    steps = tuple((step, _index(step)) for step in path.split(".") if step)
    if len(steps) == 1 and steps[0][1] is None:
        (name, _) = steps[0]
        return lambda value: value.get(name) if type(value) is dict else value if type(value) is opaque else None

    def walk(value: Any) -> Any:
        for name, index in steps:
            if type(value) is dict:
                value = value.get(name)
            elif type(value) is list and index is not None and index < len(value):
                value = value[index]
            else:
                return value if type(value) is opaque else None
        return value

    return walk


def setter(path: str) -> Setter:
    """`plant` for one path and many values."""
    *way, last = path.split(".")

    def put(value: MutableMapping[str, Any], leaf: Any) -> None:
        for step in way:
            below = value.get(step)
            if not isinstance(below, dict):
                below = value[step] = {}
            value = below
        value[last] = leaf

    return put


def _index(step: str) -> int | None:
    return int(step) if step.isascii() and step.isdigit() and len(step) < 10 else None
