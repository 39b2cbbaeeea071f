"""Dotted paths into a vendor's record, compiled to closures once and walked per record.

They mean what `provider.paths` says. Whatever is not there is None; what is below something unreadable is unreadable.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any

from integrations.http.decode import Unreadable

Getter = Callable[[Any], Any]
Setter = Callable[[MutableMapping[str, Any], Any], None]


def getter(path: str) -> Getter:
    """`getter("a.b")({"a": {"b": 1}}) == 1`. An empty path is the record itself."""
    if not path:
        return lambda record: record
    parts = tuple(path.split("."))
    if len(parts) == 1:
        return _one(parts[0])

    def walk(record: Any) -> Any:
        value = record
        for part in parts:
            if type(value) is dict:
                value = value.get(part)
            elif type(value) is list and part.isdecimal() and int(part[:9]) < len(value):
                value = value[int(part[:9])]
            else:
                return value if type(value) is Unreadable else None
        return value

    return walk


def _one(name: str) -> Getter:
    return lambda record: record.get(name) if type(record) is dict else None


def setter(path: str) -> Setter:
    """`setter("a.b")(record, 1)` makes `{"a": {"b": 1}}`, creating the objects on the way."""
    *way, last = path.split(".")

    def put(record: MutableMapping[str, Any], value: Any) -> None:
        place = record
        for part in way:
            place = place.setdefault(part, {})
        place[last] = value

    return put
