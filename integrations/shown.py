"""Columns, canonical fields and their values as people read them: labels, names for references, money with its currency,
times in the chapter's zone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

from django.db import models
from django.utils import timezone

from .canonical import shortest
from .provider.money import exponent, to_major
from .targets import Target

LONGEST = 160
Objects = Mapping[tuple[type[models.Model], str], models.Model]
# What every row has and nobody asks about.
OURS = ("id", "version", "created_at", "updated_at")
_NO_NAMES: Mapping[str, str] = {}


def field_of(target: Target, column: str) -> str:
    """The canonical field that a column of the target's row holds."""
    return _canonical(target.name, target).get(column, column)


def label(name: str) -> str:
    """`tax_number` -> `Tax number`."""
    return name.replace("_", " ").capitalize()


def label_of(target: Target, column: str) -> str:
    """`total_minor` -> `Total`, `party_id` -> `Party`."""
    return label(field_of(target, column))


def referred(model: type[models.Model], values: Mapping[str, Any] | None) -> Iterable[tuple[type[models.Model], str]]:
    """The rows that values of this model's columns point at."""
    columns = _columns(model)
    for column, value in (values or {}).items():
        field = columns.get(column)
        if isinstance(field, models.ForeignKey) and value is not None:
            yield field.related_model, str(value)


def objects(wanted: Iterable[tuple[type[models.Model], str]]) -> dict[tuple[type[models.Model], str], models.Model]:
    """Those of these rows that are here, by model and key: one query per model."""
    by_model: dict[type[models.Model], set[str]] = {}
    for model, key in wanted:
        by_model.setdefault(model, set()).add(key)
    return {
        (model, str(row.pk)): row
        for model, keys in by_model.items()
        for row in model._default_manager.filter(pk__in=keys)
    }


def name_of(row: models.Model | None, otherwise: str = "") -> str:
    """What people call a row."""
    return cut(str(row)) if row is not None and str(row) else otherwise


def name_from(model: type[models.Model], values: Mapping[str, Any], otherwise: str = "") -> str:
    """What people called a row that is no longer here, of which `values` are the columns."""
    columns = _columns(model)
    row = model(**{columns[name].attname: value for name, value in values.items() if name in columns})
    return name_of(row, otherwise)


def text_of(model: type[models.Model], column: str, value: Any, found: Objects, currency: str = "") -> str:
    """A column's value, given as Python or as JSON, in words; "" where there is none."""
    if value in (None, "", []):
        return ""
    field = _columns(model).get(column)
    if column.endswith("_minor") and currency and isinstance(value, int):
        return money(value, currency)
    if isinstance(field, models.ForeignKey):
        row = found.get((field.related_model, str(value)))
        return name_of(row, f"a {field.related_model._meta.verbose_name} that is no longer here")
    if field is not None and field.choices:
        return str(dict(field.flatchoices).get(value, value))
    if isinstance(field, models.DateTimeField):
        return _moment(value)
    if isinstance(field, models.DateField):
        return _day(value)
    if isinstance(field, models.DecimalField):
        return _number(value)
    return cut(said(value))


def money(minor: int, currency: str) -> str:
    """`money(123450, "AUD") == "1,234.50 AUD"`; with the decimals the currency has."""
    try:
        return f"{to_major(minor, currency):,.{exponent(currency)}f} {currency}"
    except ValueError:  # somebody here wrote a currency that is none
        return f"{minor} {currency}"


def said(value: Any, names: Mapping[str, str] = _NO_NAMES, *, with_fields: bool = False) -> str:
    """A canonical value, as Python or as JSON: `12.50 AUD`, `7 Rose Lane, 2010`; "" for nothing. `names`: what records are
    called, by the ids that may stand in it. `with_fields`: `channel email, state granted`, in one order for both sides."""
    if value is None or value in ("", [], {}):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if is_money(value):
        return money(value["minor"], value["currency"])
    if isinstance(value, Mapping):
        items = sorted(value.items()) if with_fields else value.items()
        parts = ((name, said(one, names, with_fields=with_fields)) for name, one in items)
        return ", ".join(f"{name.replace('_', ' ')} {text}" if with_fields else text for name, text in parts if text)
    if isinstance(value, list | tuple):
        between = "; " if any(isinstance(one, Mapping) for one in value) else ", "
        return between.join(filter(None, (said(one, names, with_fields=with_fields) for one in value)))
    if isinstance(value, date | datetime):
        return value.isoformat()
    return names.get(str(value), str(value))


def is_money(value: Any) -> bool:
    return isinstance(value, Mapping) and value.keys() == {"minor", "currency", "exponent"}


def cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _moment(value: Any) -> str:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    local = timezone.localtime(moment) if moment.tzinfo else moment
    return f"{local.day} {local:%B %Y, %H:%M}"


def _day(value: Any) -> str:
    day = value if isinstance(value, date) else date.fromisoformat(str(value))
    return f"{day.day} {day:%B %Y}"


def _number(value: Any) -> str:
    try:
        return shortest(str(Decimal(str(value))))
    except InvalidOperation:
        return str(value)


@cache
def _columns(model: type[models.Model]) -> dict[str, models.Field]:
    return {str(field.column): field for field in model._meta.concrete_fields}


_by_target: dict[str, dict[str, str]] = {}


def _canonical(name: str, target: Target) -> dict[str, str]:
    """Column -> canonical field, where they are not called the same."""
    if name not in _by_target:
        fields = target.canonical.model_fields
        found = {f"{field}_minor": field for field in fields} | {f"{field}_id": field for field in target.refs}
        _by_target[name] = found | {column: field for field, column in target.renamed.items()}
    return _by_target[name]
