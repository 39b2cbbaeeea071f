"""What a vendor fills in on a new record, as `samples/_created.json` says it.

A value stands for itself. `{"$each": {...}}` completes every element of a list that was posted, `{"$sum": "Lines.Amount"}`
adds up, `{"$times": [a, b]}` and `{"$plus": [a, b]}` compute from fields beside it. What was posted stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import prod
from typing import Any

from integrations.provider import dig


def completed(template: Mapping[str, Any], posted: Mapping[str, Any]) -> dict[str, Any]:
    """The posted record with everything it lacked, field by field in the template's order."""
    made = dict(posted)
    for name, said in template.items():
        made[name] = _value(said, made.get(name), made)
    return made


def _value(said: Any, given: Any, beside: Mapping[str, Any]) -> Any:
    if isinstance(said, Mapping) and "$each" in said:
        return [completed(said["$each"], item) for item in given or ()]
    if given is not None:
        return completed(said, given) if isinstance(said, Mapping) and isinstance(given, Mapping) else given
    if isinstance(said, Mapping) and "$sum" in said:
        listed, _, field = said["$sum"].partition(".")
        return sum((_number(dig(item, field)) for item in beside.get(listed) or ()), Decimal("0.00"))
    if isinstance(said, Mapping) and "$times" in said:
        return prod(_number(dig(beside, path)) for path in said["$times"])
    if isinstance(said, Mapping) and "$plus" in said:
        return sum(_number(dig(beside, path)) for path in said["$plus"])
    return said


def _number(value: Any) -> Decimal:
    return Decimal(str(value or 0))
