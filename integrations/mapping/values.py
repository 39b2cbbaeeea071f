"""What a formula may hold, and how large it may be: checked at the way in, after every step and at the way out."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Any

from integrations.http.decode import Unreadable
from integrations.provider.money import shown

LONGEST_TEXT = 10_000
MOST_ITEMS = 1_000
LARGEST = Decimal(10) ** 30
_MOST_DIGITS = 80
_TRAPS = [InvalidOperation, DivisionByZero, Overflow]
# Sums and products are exact or an error; a quotient has 34 digits.
EXACT = Context(prec=_MOST_DIGITS, Emax=99, Emin=-99, traps=[*_TRAPS, Inexact])
DIVIDING = Context(prec=34, Emax=99, Emin=-99, traps=_TRAPS)
ROUNDING = Context(prec=_MOST_DIGITS, Emax=99, Emin=-99, traps=_TRAPS)


class Money(dict[str, Any]):
    """An amount that the formula made itself: the only object that may be its result."""


def taken(value: Any) -> Any:
    """A vendor's value as a formula holds it: a float becomes the decimal it was written as. ValueError for what is too large
    or cannot be read."""
    kind = type(value)
    if kind is str:
        return text(value)
    if value is None or kind is bool or kind is dict or kind is Money:
        return value
    if kind is int or kind is Decimal:
        return number(value)
    if kind is float:
        return number(Decimal(repr(value)) if math.isfinite(value) else Decimal("NaN"))
    if kind is list:
        return items(value)
    if kind is Unreadable:
        raise ValueError(value.reason)
    raise ValueError(f"{kind.__name__} is no value of a formula")


def text(value: str) -> str:
    if len(value) > LONGEST_TEXT:
        raise ValueError(f"a text of {len(value):,} characters is too long for a formula ({LONGEST_TEXT:,})")
    return value


def number(value: int | Decimal) -> int | Decimal:
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError("this is no number")
        _, digits, exponent = value.as_tuple()
        if len(digits) > _MOST_DIGITS or abs(int(exponent)) > _MOST_DIGITS:
            raise ValueError(f"{shown(value)} has more digits than a formula keeps")
    if not -LARGEST < value < LARGEST:
        raise ValueError(f"{shown(value)} is too large a number for a formula")
    return value


def items(value: list[Any]) -> list[Any]:
    if len(value) > MOST_ITEMS:
        raise ValueError(f"a list of {len(value):,} is too long for a formula ({MOST_ITEMS:,})")
    return value


def is_number(value: Any) -> bool:
    return type(value) is int or type(value) is Decimal


def kind_of(value: Any) -> str:
    words = {
        str: "a text",
        bool: "true or false",
        list: "a list",
        dict: "an object",
        Money: "money",
        type(None): "nothing",
    }
    return words.get(type(value), "a number")


def result(value: Any) -> Any:
    """What a formula says in the end: a text, a number, true or false, a day, money, a list of those, or nothing."""
    if type(value) is list:
        found = [_single(taken(one)) for one in items(value)]
        text("".join(one for one in found if isinstance(one, str)))
        return found
    single = _single(value)
    return None if single == "" else single


def _single(value: Any) -> Any:
    if type(value) is Money:
        return dict(value)
    if type(value) in (dict, list):
        raise ValueError(f"it gives {kind_of(value)}: take one of its fields")
    return value


# --- operators ------------------------------------------------------------------------------------------------------------


def add(left: Any, right: Any) -> Any:
    if type(left) is str and type(right) is str:
        if len(left) + len(right) > LONGEST_TEXT:
            raise ValueError(f"a text of more than {LONGEST_TEXT:,} characters is too long for a formula")
        return left + right
    return _arithmetic("+", left, right, EXACT.add)


def subtract(left: Any, right: Any) -> Any:
    return _arithmetic("-", left, right, EXACT.subtract)


def multiply(left: Any, right: Any) -> Any:
    return _arithmetic("*", left, right, EXACT.multiply)


def divide(left: Any, right: Any) -> Any:
    return _arithmetic("/", left, right, DIVIDING.divide)


def remainder(left: Any, right: Any) -> Any:
    return _arithmetic("%", left, right, EXACT.remainder)


def negative(value: Any) -> Any:
    return subtract(0, value)


def _arithmetic(sign: str, left: Any, right: Any, work: Callable[[Decimal, Decimal], Decimal]) -> Any:
    if not (is_number(left) and is_number(right)):
        raise ValueError(_cannot(sign, left, right))
    try:
        made = work(Decimal(left), Decimal(right))
    except (DivisionByZero, InvalidOperation):
        raise ValueError(f"{shown(left)} {sign} {shown(right)} cannot be worked out") from None
    except Overflow:
        raise ValueError(f"{shown(left)} {sign} {shown(right)} is too large a number for a formula") from None
    except Inexact:
        raise ValueError(f"{sign} gives more digits than a formula keeps: use round()") from None
    whole = type(left) is int and type(right) is int and sign != "/"
    return number(int(number(made)) if whole else made)


def _cannot(sign: str, left: Any, right: Any) -> str:
    said = f"{kind_of(left)} {sign} {kind_of(right)} cannot be worked out"
    if left is None or right is None:
        return f"{said}: use first(field, ...) to say what stands in for nothing"
    if sign == "+" and str in (type(left), type(right)):
        return f"{said}: use text() or number()"
    return said


def equal(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return left is right
    for value in (left, right):
        if type(value) in (list, dict, Money):
            raise ValueError(f"{kind_of(value)} cannot be compared")
    # True == 1 in Python; a vendor who says true does not say 1.
    return (type(left) is bool) is (type(right) is bool) and left == right


def unequal(left: Any, right: Any) -> bool:
    return not equal(left, right)


def _ordered(sign: str, compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def ordered(left: Any, right: Any) -> bool:
        if not (is_number(left) and is_number(right)) and not (type(left) is str and type(right) is str):
            raise ValueError(_cannot(sign, left, right))
        return compare(left, right)

    return ordered


less = _ordered("<", lambda left, right: left < right)
at_most = _ordered("<=", lambda left, right: left <= right)
more = _ordered(">", lambda left, right: left > right)
at_least = _ordered(">=", lambda left, right: left >= right)


def among(left: Any, right: Any) -> bool:
    """`"a" in "abc"`, `Status in ["A", "B"]`. Nothing holds nothing."""
    if right is None:
        return False
    if type(right) is str:
        if type(left) is not str:
            raise ValueError(f"{kind_of(left)} cannot be looked for in a text")
        return left in right
    if type(right) is not list:
        raise ValueError(f"{kind_of(right)} is neither a list nor a text")
    return any(type(one) not in (list, dict) and equal(left, taken(one)) for one in right)


def not_among(left: Any, right: Any) -> bool:
    return not among(left, right)
