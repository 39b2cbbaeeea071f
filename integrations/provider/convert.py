"""The converters every provider may use. Each takes None for "absent" and answers None for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from .mapping import Converter
from .money import LARGEST, money, number, shown, to_major, to_minor

_MS_DATE = re.compile(r"^/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/$")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
    raise ValueError(f"expected true or false, got {shown(value)}")


def _whole(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise ValueError(f"expected a whole number, got {shown(value)}")


def _instant(value: Any) -> str | None:
    """Any spelling of an instant -> RFC 3339 in UTC. A time without a zone is read as UTC."""
    cleaned = _text(value)
    if cleaned is None:
        return None
    if match := _MS_DATE.match(cleaned):
        return _since_epoch(timedelta(milliseconds=int(match[1])), cleaned)
    try:
        parsed = datetime.fromisoformat(cleaned)
        parsed = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{shown(cleaned)} is not a date and time") from None
    return parsed.isoformat().replace("+00:00", "Z")


def _since_epoch(elapsed: timedelta, spelt: Any) -> str:
    try:
        return (_EPOCH + elapsed).isoformat().replace("+00:00", "Z")
    except OverflowError:
        raise ValueError(f"{shown(spelt)} is not a time") from None


def _unix(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise ValueError(f"expected seconds since 1970, got {shown(value)}")
    try:
        elapsed = timedelta(microseconds=int(value * 1_000_000))
    except (OverflowError, ArithmeticError, ValueError):
        raise ValueError(f"{shown(value)} is not a time") from None
    return _since_epoch(elapsed, value)


def _day(value: Any) -> str | None:
    """A calendar date, as the vendor's own organisation sees it -> YYYY-MM-DD."""
    cleaned = _text(value)
    if cleaned is None:
        return None
    if match := _MS_DATE.match(cleaned):
        return _since_epoch(timedelta(milliseconds=int(match[1])), cleaned)[:10]
    try:
        return date.fromisoformat(cleaned[:10]).isoformat()
    except ValueError:
        raise ValueError(f"{shown(cleaned)} is not a date") from None


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
    if whole is None or abs(whole) > LARGEST:
        raise ValueError(f"{shown(amount)} is too large to be an amount in {code}")
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
    lambda value: (number(to_major(value["minor"], value["currency"])), value["currency"]),
    exact=True,
)
money_minor = Converter(_from_minor, lambda value: (value["minor"], value["currency"].lower()))


def read_only(converter: Converter) -> Converter:
    """The same inwards; never written to the vendor."""
    return Converter(converter.inward, exact=converter.exact)


def first(converter: Converter) -> Converter:
    """The first of several paths that says something; written to the first path only, and read only after one path more."""

    def inward(*values: Any) -> Any:
        return next((found for found in map(converter.inward, values) if found is not None), None)

    return Converter(inward, exact=converter.exact)


def one_of(words: Mapping[Any, str], *, otherwise: str | None = None) -> Converter:
    """The vendor's words -> ours. A word nobody declared is an error that names it, never a guess; `otherwise` is for open
    lists (means of payment), where the vendor adds words at will and one of ours means "another"."""
    back: dict[str, Any] = {}
    for theirs, ours in words.items():
        back.setdefault(ours, theirs)

    def inward(value: Any) -> str | None:
        if value is None:
            return None
        try:
            return words[value]
        except (KeyError, TypeError):
            if otherwise is not None and isinstance(value, str):
                return otherwise
            raise ValueError(f"{shown(value)} is not one of {', '.join(map(str, words))}") from None

    return Converter(inward, back.__getitem__ if otherwise is None else None)


def _exact(value: Any) -> Decimal:
    if isinstance(value, (bool, float)) or not isinstance(value, (Decimal, int, str)):
        raise ValueError(f"expected a number, got {shown(value)}")
    try:
        exact = Decimal(value)
    except ArithmeticError:
        raise ValueError(f"{shown(value)} is not a number") from None
    if not exact.is_finite() or exact.adjusted() >= 15:
        raise ValueError(f"{shown(value)} is too large a number")
    return exact


def _plain(exact: Decimal) -> str:
    return format(exact.normalize() + 0, "f")  # + 0: minus nothing is nothing


def decimal(places: int) -> Converter:
    """An exact number that is not money (a quantity, a price per piece) -> text with at most `places` decimals."""

    def inward(value: Any) -> str | None:
        if value is None:
            return None
        exact = _exact(value)
        rounded = round(exact, places)
        if exact != rounded:
            raise ValueError(f"{shown(value)} has more than {places} decimals")
        return _plain(rounded)

    return Converter(inward, number, exact=True)


def _rate(value: Any) -> str | None:
    return None if value is None else _plain(round(_exact(value), 10))


# A rate of exchange or tax, which no amount is computed from again: rounded to ten decimals, never refused for its digits.
rate = Converter(_rate, number, exact=True)
