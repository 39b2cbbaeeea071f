"""Narrowing an endpoint to events whose data hold certain values: `{"record.status": "current"}`. All of them must hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MOST = 10
LONGEST_VALUE = 200
_PATH = re.compile(r"[a-z_]+(\.[a-z_]+){0,4}")
Value = str | int | bool | None


def passes(wanted: Mapping[str, Value], data: Mapping[str, Any]) -> bool:
    return all(_same(_at(path, data), value) for path, value in wanted.items())


def mistake(wanted: Any) -> str:
    """Why this is no filter, in a sentence; "" for one."""
    if not isinstance(wanted, Mapping) or len(wanted) > MOST:
        return f"A filter is an object of at most {MOST} fields with the value each must have."
    for path, value in wanted.items():
        if not isinstance(path, str) or len(path) > 100 or not _PATH.fullmatch(path):
            return f"“{str(path)[:100]}” names no field of an event's data. Write record.status, for example."
        if not (value is None or isinstance(value, (str, int, bool))):
            return f"{path}: a filter compares with a text, a whole number, true, false or null."
        if isinstance(value, str) and len(value) > LONGEST_VALUE:
            return f"{path}: a value has at most {LONGEST_VALUE} characters."
    return ""


def _same(one: Any, other: Value) -> bool:
    """Python takes `true` for 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _at(path: str, data: Any) -> Any:
    for step in path.split("."):
        if not isinstance(data, Mapping):
            return None
        data = data.get(step)
    return data
