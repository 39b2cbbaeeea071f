"""Dotted paths into a vendor's JSON: the one place that says what they mean.

`Contact.ContactID` goes down by keys, a number takes that element of a list (`Contacts.0`), the empty path is the value
itself. What is not there is None: vendors leave out what is empty.
"""

from __future__ import annotations

from typing import Any


def dig(value: Any, path: str) -> Any:
    """`dig({"a": [{"b": 1}]}, "a.0.b") == 1`; None where the path leads nowhere."""
    for step in filter(None, path.split(".")):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isascii() and step.isdigit() and int(step[:9]) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def plant(value: dict[str, Any], path: str, leaf: Any) -> None:
    """Set `leaf` at `path`, making the dictionaries on the way: the inverse of `dig` for paths without numbers."""
    *way, last = path.split(".")
    for step in way:
        below = value.get(step)
        if not isinstance(below, dict):
            below = value[step] = {}
        value = below
    value[last] = leaf
