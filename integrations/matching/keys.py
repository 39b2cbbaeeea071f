"""What candidates are looked for by: the same key in Python, in SQL, and as an index of the domain's table.

A domain app that says `find=True` puts an index on the key's expression: `index("member_phone", "phone", "phone")`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import F, Func, Index, Q, TextField, Value
from django.db.models.functions import Lower, Right
from psycopg import sql

from .likeness import LOCAL_DIGITS, fold, local_number

# What the database makes of the columns. The functions are immutable, so they can be indexed.
_SQL = {
    "phone": "right(regexp_replace({0}, '\\D', '', 'g'), {digits})",
    "name": "lower(({0} || ' ') || {1})",
}


def expression(how: str, columns: Sequence[sql.Composable]) -> sql.Composable:
    return sql.SQL(_SQL.get(how, "{0}")).format(*columns, digits=sql.Literal(LOCAL_DIGITS))


def _itself(value: Any) -> tuple[Any, ...]:
    return () if value in (None, "") else (value,)


def _phones(number: str) -> tuple[str, ...]:
    found = local_number(number) if number else ""
    return (found,) if found else ()


def _names(given: str, family: str) -> tuple[str, ...]:
    """As it stands, and where that has accents without them."""
    if not given or not family:
        return ()
    if given.isascii() and family.isascii():
        return (f"{given} {family}".lower(),)
    return tuple({f"{given} {family}".lower(), f"{fold(given)} {fold(family)}"})


# How -> the keys a record is looked for by: none where it says nothing, two where ours may be written in another way.
KEYS: dict[str, Callable[..., tuple[Any, ...]]] = {
    "exact": _itself,
    "folded": _itself,
    "date": _itself,
    "phone": _phones,
    "name": _names,
}
# A name is found by first and last name; the whole name is only compared.
KEYED_BY = {"name": 2}


def index(name: str, how: str, *fields: str) -> Index:
    """The index of a key, without the rows that have none."""
    said = Q()
    for field in fields:
        said &= ~Q(**{field: ""})
    return Index(_INDEXED[how](*fields), name=name, condition=said)


def _phone(field: str) -> Func:
    figures = Func(F(field), Value(r"\D"), Value(""), Value("g"), function="regexp_replace", output_field=TextField())
    return Right(figures, LOCAL_DIGITS)


def _name(given: str, family: str) -> Func:
    whole = Func(
        F(given), Value(" "), F(family), arg_joiner=" || ", template="(%(expressions)s)", output_field=TextField()
    )
    return Lower(whole)


_INDEXED = {"phone": _phone, "name": _name}
