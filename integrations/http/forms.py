"""`a[b]=c`: how vendors that take forms want what is nested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def flat(form: Mapping[str, Any]) -> list[tuple[str, str]]:
    """`{"a": {"b": 1}, "c": [2]}` -> `[("a[b]", "1"), ("c[0]", "2")]`. None is left out; a boolean is true or false."""
    pairs: list[tuple[str, str]] = []
    for name, value in form.items():
        _add(pairs, name, value)
    return pairs


def _add(pairs: list[tuple[str, str]], name: str, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _add(pairs, f"{name}[{key}]", inner)
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            _add(pairs, f"{name}[{index}]", inner)
    elif isinstance(value, bool):
        pairs.append((name, "true" if value else "false"))
    else:
        pairs.append((name, str(value)))
