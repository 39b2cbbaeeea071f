"""The converters every provider may use. Each takes None for "absent" and answers None for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from .mapping import Converter
from .money import money, to_major, to_minor

_MS_DATE = re.compile(r"^/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/$")


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"expected text, got {type(value).__name__}")
    return value.strip() or None


def _lower(value: Any) -> str | None:
    cleaned = _text(value)
    return cleaned.lower() if cleaned else None


def _upper(value: Any) -> str | None:
    cleaned = _text(value)
    return cleaned.upper() if cleaned else None


def _boolean(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise ValueError(f"expected true or false, got {str(value)[:40]!r}")


def _whole(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise ValueError(f"expected a whole number, got {str(value)[:40]!r}")


def _instant(value: Any) -> str | None:
    """Any spelling of an instant -> RFC 3339 in UTC. A time without a zone is read as UTC."""
    cleaned = _text(value)
    if cleaned is None:
        return None
    if match := _MS_DATE.match(cleaned):
        return _unix(int(match[1]) / 1000)
    try:
        parsed = datetime.fromisoformat(cleaned)
    except ValueError:
        raise ValueError(f"{cleaned[:40]!r} is not a date and time") from None
    parsed = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    return parsed.isoformat().replace("+00:00", "Z")


def _unix(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"expected seconds since 1970, got {str(value)[:40]!r}")
    try:
        return datetime.fromtimestamp(value, UTC).isoformat().replace("+00:00", "Z")
    except (OverflowError, OSError, ValueError):
        raise ValueError(f"{str(value)[:40]} is not a time") from None


def _day(value: Any) -> str | None:
    """A calendar date, as the vendor's own organisation sees it -> YYYY-MM-DD."""
    cleaned = _text(value)
    if cleaned is None:
        return None
    if match := _MS_DATE.match(cleaned):
        return datetime.fromtimestamp(int(match[1]) / 1000, UTC).date().isoformat()
    try:
        return date.fromisoformat(cleaned[:10]).isoformat()
    except ValueError:
        raise ValueError(f"{cleaned[:40]!r} is not a date") from None


def _unix_day(value: Any) -> str | None:
    instant = _unix(value)
    return instant[:10] if instant else None


def _from_major(amount: Any, currency: Any) -> dict[str, int | str] | None:
    if amount is None:
        return None
    if not isinstance(amount, (Decimal, int, str)) or isinstance(amount, bool):
        raise ValueError(f"expected an amount, got {type(amount).__name__}")
    code = _upper(currency)
    if code is None:
        raise ValueError("an amount without a currency")
    return money(to_minor(amount, code), code)


def _from_minor(amount: Any, currency: Any) -> dict[str, int | str] | None:
    if amount is None:
        return None
    whole, code = _whole(amount), _upper(currency)
    if code is None:
        raise ValueError("an amount without a currency")
    if whole is None or abs(whole) >= 2**63:
        raise ValueError("an amount too large to be one")
    return money(whole, code)


text = Converter(_text, lambda value: value)
lower = Converter(_lower, lambda value: value)
upper = Converter(_upper, lambda value: value)
boolean = Converter(_boolean, lambda value: value)
whole = Converter(_whole, lambda value: value)
instant = Converter(_instant, lambda value: value)
unix = Converter(_unix)
day = Converter(_day, lambda value: value)
unix_day = Converter(_unix_day)
money_major = Converter(
    _from_major,
    lambda value: (str(to_major(value["minor"], value["currency"])), value["currency"]),
    exact=True,
)
money_minor = Converter(_from_minor, lambda value: (value["minor"], value["currency"].lower()))


def one_of(words: Mapping[Any, str]) -> Converter:
    """The vendor's words -> ours. A word nobody declared is an error that names it, never a guess."""
    back: dict[str, Any] = {}
    for theirs, ours in words.items():
        back.setdefault(ours, theirs)

    def inward(value: Any) -> str | None:
        if value is None:
            return None
        try:
            return words[value]
        except (KeyError, TypeError):
            raise ValueError(f"{str(value)[:40]!r} is not one of {', '.join(map(str, words))}") from None

    return Converter(inward, back.__getitem__)


def decimal(places: int) -> Converter:
    """An exact number that is not money (a rate, a quantity) -> text with at most `places` decimals."""

    def inward(value: Any) -> str | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (Decimal, int, str)):
            raise ValueError(f"expected a number, got {str(value)[:40]!r}")
        try:
            number = Decimal(value)
        except ArithmeticError:
            raise ValueError(f"{str(value)[:40]!r} is not a number") from None
        if not number.is_finite() or abs(number) >= Decimal(10) ** 15:
            raise ValueError("a number too large to be one")
        if number != round(number, places):
            raise ValueError(f"{value} has more than {places} decimals")
        return format(number.normalize(), "f")

    return Converter(inward, str, exact=True)
