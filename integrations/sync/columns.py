"""What a model's column takes: how its value travels in a COPY line, and what it has no room for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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


def limit_of(field: models.Field) -> Limit | None:
    """A check that answers with a sentence, or an empty text where the value fits; None for what always fits."""
    if isinstance(field, ArrayField):
        inner = limit_of(field.base_field)
        return (lambda values: next((problem for value in values if (problem := inner(value))), "")) if inner else None
    if isinstance(field, models.CharField) and field.max_length:
        most = field.max_length
        return lambda value: (
            f"{len(value)} characters are more than the {most} there is room for" if len(value) > most else ""
        )
    if isinstance(field, models.IntegerField) and not isinstance(field, models.AutoField):
        least, largest = connection.ops.integer_field_range(field.get_internal_type())
        return lambda value: (
            "" if least <= value <= largest else f"a number of {len(str(abs(value)))} digits is too large"
        )
    if isinstance(field, models.DecimalField):
        whole, places = field.max_digits - field.decimal_places, field.decimal_places
        return lambda value: _too_precise(value, whole, places)
    return _impossible_instant if isinstance(field, models.DateTimeField) else None


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
