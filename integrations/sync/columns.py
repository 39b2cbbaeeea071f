"""What a model's column takes: how its value travels in a COPY line, and what it has no room for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models

Text = Callable[[Any], Any]
Limit = Callable[[Any], str]


def text_of(field: models.Field) -> Text | None:
    """How a field's value is written in a COPY line; None where it goes as it is (text, whole numbers, true and false)."""
    if isinstance(field, ArrayField):
        return _array_of(text_of(field.base_field))
    if isinstance(field, models.ForeignKey):
        return text_of(field.target_field)
    kinds: tuple[tuple[type[models.Field], Text | None], ...] = (
        (models.JSONField, _json),
        (models.DateTimeField, _instant),
        (models.DateField, date.isoformat),
        (models.DecimalField, _decimal),
        (models.UUIDField, str),
        (models.CharField, None),
        (models.TextField, None),
        (models.IntegerField, None),
        (models.BooleanField, None),
    )
    for kind, text in kinds:
        if isinstance(field, kind):
            return text
    raise TypeError(f"{field.model._meta.label}.{field.name}: a {type(field).__name__} cannot be written by COPY.")


def array_of_texts(texts: Collection[str]) -> str:
    """`{"a","b"}`, to be cast: thousands of keys at once, several times faster than element by element."""
    together = "".join(texts)
    if '"' in together or "\\" in together:
        return "{" + ",".join(map(_element, texts)) + "}"
    return '{"' + '","'.join(texts) + '"}' if texts else "{}"


def _json(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else orjson.dumps(value).decode()


def _instant(value: datetime) -> str:
    return utc(value).isoformat()


def utc(value: datetime) -> datetime:
    """An instant without a zone is read as UTC."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _decimal(value: Decimal) -> str:
    return format(value, "f")


def _array_of(text: Text | None) -> Text:
    def array(values: Iterable[Any]) -> str:
        return (
            "{" + ",".join(_element(value if text is None or value is None else text(value)) for value in values) + "}"
        )

    return array


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def longest(field: models.Field) -> int | None:
    """How many characters a text column takes; None for any number, and for other columns."""
    return field.max_length if isinstance(field, models.CharField) and not isinstance(field, ArrayField) else None


def limit_of(field: models.Field) -> Limit | None:
    """A check that answers with a sentence, or an empty text where the value fits; None for what always fits."""
    if isinstance(field, ArrayField):
        most = longest(field.base_field)
        return None if most is None else lambda values: _longest_of(values, most)
    if isinstance(field, models.IntegerField) and not isinstance(field, models.AutoField):
        least, largest = connection.ops.integer_field_range(field.get_internal_type())
        return lambda value: (
            "" if least <= value <= largest else f"a number of {len(str(abs(value)))} digits is too large"
        )
    if isinstance(field, models.DecimalField):
        whole, places = field.max_digits - field.decimal_places, field.decimal_places
        return lambda value: _too_precise(value, whole, places)
    return _impossible_instant if isinstance(field, models.DateTimeField) else None


def _longest_of(values: Iterable[str], most: int) -> str:
    length = max((len(value) for value in values), default=0)
    return f"{length} characters are more than the {most} there is room for" if length > most else ""


def _too_precise(value: Decimal, whole: int, places: int) -> str:
    if not value.is_finite() or (value and value.adjusted() >= whole):
        return "the number is too large"
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > places and value != round(value, places):
        return f"more than {places} decimals"
    return ""


def _impossible_instant(value: datetime) -> str:
    try:
        utc(value)
    except OverflowError:
        return "the time lies outside the calendar"
    return ""
