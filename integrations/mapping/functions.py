"""The functions of a formula. Nothing in gives nothing out; what cannot be worked out is a ValueError with a sentence."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, NamedTuple

from integrations.provider import convert, money
from integrations.provider.money import shown

from .values import LONGEST_TEXT, MOST_ITEMS, ROUNDING, Money, equal, is_number, items, kind_of, number, taken, text


class Function(NamedTuple):
    """`least` and `most`: how many values it takes. `shown` and `help` are for the page."""

    work: Callable[..., Any]
    least: int
    most: int
    shown: str
    help: str


MANY = 20


def _text(value: Any) -> str | None:
    if value is None or type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if is_number(value):
        return text(format(value if value else value.copy_abs(), "f")) if type(value) is Decimal else str(value)
    raise ValueError(f"{kind_of(value)} cannot be written as text")


def _needs_text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError(f"expected a text, got {kind_of(value)}")
    return value


def _on_text(work: Callable[[str], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else text(work(_needs_text(value)))


def _length(value: Any) -> int:
    if value is None:
        return 0
    return len(value) if type(value) is list else len(_needs_text(value))


def _replace(value: Any, old: Any, new: Any) -> str | None:
    if value is None:
        return None
    value, old, new = _needs_text(value), _needs_text(old), _needs_text(new)
    if not old:
        raise ValueError("replace() needs something to look for")
    if len(value) + value.count(old) * (len(new) - len(old)) > LONGEST_TEXT:
        raise ValueError(f"a text of more than {LONGEST_TEXT:,} characters is too long for a formula")
    return value.replace(old, new)


def _split(value: Any, at: Any) -> list[str] | None:
    if value is None:
        return None
    if not _needs_text(at):
        raise ValueError("split() needs something to split at")
    return items([part.strip() for part in _needs_text(value).split(at, MOST_ITEMS)])


def _join(between: Any, *values: Any) -> str | None:
    """Whatever says something, with the first value between."""
    kept: list[str] = []
    size, between = 0, _needs_text(between)
    for value in values:
        for one in value if type(value) is list else [value]:
            part = (_text(taken(one)) or "").strip()
            if part:
                kept.append(part)
                size += len(part) + len(between)
            if size > LONGEST_TEXT:
                raise ValueError(f"a text of more than {LONGEST_TEXT:,} characters is too long for a formula")
    return between.join(kept) or None


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("expected a whole number that is not negative")
    return value


def _left(value: Any, count: Any) -> str | None:
    return None if value is None else _needs_text(value)[: _count(count)]


def _right(value: Any, count: Any) -> str | None:
    return None if value is None else _needs_text(value)[max(len(value) - _count(count), 0) :]


def _mid(value: Any, start: Any, count: Any) -> str | None:
    """From the character `start` (the first is 1) on."""
    return None if value is None else _needs_text(value)[max(_count(start) - 1, 0) :][: _count(count)]


def _before(value: Any, mark: Any) -> str | None:
    return None if value is None else _needs_text(value).partition(_mark(mark))[0]


def _after(value: Any, mark: Any) -> str | None:
    return None if value is None else _needs_text(value).partition(_mark(mark))[2]


def _mark(mark: Any) -> str:
    if not _needs_text(mark):
        raise ValueError("it needs a mark to look for")
    return mark


def _looks(work: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda value, part: value is not None and work(_needs_text(value), _needs_text(part))


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None and value not in ("", [])), None)


def _number(value: Any) -> int | Decimal | None:
    if value is None or is_number(value):
        return value
    try:
        return number(Decimal(_needs_text(value).strip()))
    except InvalidOperation:
        raise ValueError(f"{shown(value)} is not a number") from None


def _whole(value: Any) -> int | None:
    found = _number(value)
    if found is not None and found != int(found):
        raise ValueError(f"{shown(found)} is not a whole number: use round()")
    return None if found is None else int(found)


def _round(value: Any, places: Any = 0) -> int | Decimal | None:
    """Half goes away from zero, as in a shop."""
    if value is None:
        return None
    if not is_number(value) or type(places) is not int or not 0 <= places <= 20:
        raise ValueError("round() takes a number and how many decimals (0 to 20)")
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP, context=ROUNDING)
    return number(rounded) if places else int(rounded)


def _on_numbers(work: Callable[..., Any]) -> Callable[..., Any]:
    def on(*values: Any) -> Any:
        said = [value for value in values if value is not None]
        if not all(map(is_number, said)):
            raise ValueError("expected numbers")
        return work(said) if said else None

    return on


def _magnitude(said: list[Any]) -> int | Decimal:
    (value,) = said
    return value.copy_abs() if type(value) is Decimal else abs(value)  # abs() would round to the usual 28 digits


def _money(amount: Any, currency: Any) -> Money | None:
    if type(amount) is bool:
        raise ValueError("expected an amount, got true or false")
    found = convert.money_major.inward(amount, currency)
    return None if found is None else Money(found)


def _cents(amount: Any, currency: Any) -> Money | None:
    found = convert.money_minor.inward(_whole(amount), currency)
    return None if found is None else Money(found)


def _amount(value: Any) -> Decimal | None:
    """Of money as our records have it: the number in the currency's own unit."""
    if value is None:
        return None
    if not isinstance(value, dict) or type(value.get("minor")) is not int:
        raise ValueError(f"expected money, got {kind_of(value)}")
    return money.to_major(value["minor"], _needs_text(value.get("currency")))


def _find(values: Any, field: Any, wanted: Any, take: Any) -> Any:
    """Of the first object in a list whose `field` is `wanted`, what stands at `take`."""
    if values is None:
        return None
    if type(values) is not list:
        raise ValueError(f"find() looks in a list, not in {kind_of(values)}")
    for one in values:
        if type(one) is dict and type(one.get(field)) not in (list, dict) and equal(taken(one.get(field)), wanted):
            return taken(one.get(take))
    return None


FUNCTIONS: dict[str, Function] = {
    "first": Function(_first, 1, MANY, "first(Mobile, Phone)", "the first that says something"),
    "join": Function(_join, 2, MANY, 'join(" ", First, Last)', "put together with a text between; what is empty is left out"),
    "text": Function(_text, 1, 1, "text(Number)", "a number as text"),
    "number": Function(_number, 1, 1, "number(Size)", "a text as an exact number"),
    "whole": Function(_whole, 1, 1, "whole(Size)", "a whole number"),
    "round": Function(_round, 1, 2, "round(Price, 2)", "to so many decimals; half goes up"),
    "abs": Function(_on_numbers(_magnitude), 1, 1, "abs(Balance)", "without its sign"),
    "min": Function(_on_numbers(min), 1, MANY, "min(Due, Total)", "the smallest"),
    "max": Function(_on_numbers(max), 1, MANY, "max(Due, 0)", "the largest"),
    "lower": Function(_on_text(str.lower), 1, 1, "lower(Email)", "in small letters"),
    "upper": Function(_on_text(str.upper), 1, 1, "upper(Country)", "in capitals"),
    "title": Function(_on_text(str.title), 1, 1, "title(City)", "Each Word With A Capital"),
    "trim": Function(_on_text(str.strip), 1, 1, "trim(Name)", "without spaces at both ends"),
    "length": Function(_length, 1, 1, "length(Lines)", "how many characters, or items of a list"),
    "replace": Function(_replace, 3, 3, 'replace(Phone, " ", "")', "one text by another, everywhere"),
    "split": Function(_split, 2, 2, 'split(Tags, ",")', "a text into a list"),
    "left": Function(_left, 2, 2, "left(Postcode, 2)", "so many characters from the beginning"),
    "right": Function(_right, 2, 2, "right(Card, 4)", "so many from the end"),
    "mid": Function(_mid, 3, 3, "mid(Code, 3, 2)", "from a character on (the first is 1), so many"),
    "before": Function(_before, 2, 2, 'before(Name, ",")', "what stands before a mark"),
    "after": Function(_after, 2, 2, 'after(Email, "@")', "what stands behind it"),
    "contains": Function(_looks(lambda value, part: part in value), 2, 2, 'contains(Name, "Ltd")', "whether it is in there"),
    "starts_with": Function(_looks(str.startswith), 2, 2, 'starts_with(Phone, "+61")', "whether it begins so"),
    "ends_with": Function(_looks(str.endswith), 2, 2, 'ends_with(Email, ".org")', "whether it ends so"),
    "find": Function(
        _find, 4, 4, 'find(Phones, "Type", "MOBILE", "Number")', "in a list: where Type is MOBILE, the Number"
    ),
    "money": Function(_money, 2, 2, 'money(Total, "AUD")', "an exact amount with its currency"),
    "cents": Function(_cents, 2, 2, "cents(amount, currency)", "the same, of an amount in cents"),
    "amount": Function(_amount, 1, 1, "amount(total)", "the number in an amount of ours (for the way out)"),
    "day": Function(convert.day.inward, 1, 1, "day(Joined)", "a calendar day"),
    "instant": Function(convert.instant.inward, 1, 1, "instant(Updated)", "a moment, in UTC"),
}  # fmt: skip
