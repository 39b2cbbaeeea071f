"""External field <-> canonical field.

A path is dotted (`Contact.ContactID`, see `paths`); a leading `/` starts at the record even inside a list (`/CurrencyCode`).
A converter takes the values of its paths (None where absent) and returns a JSON-like value; it raises `ValueError` with a
sentence for people. None means "the vendor says nothing".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Converter:
    """`inward(*values) -> canonical`; `outward(canonical) -> the values of the paths, in their order` (a single path: the
    value itself); what is None is not sent. Without `outward` the field is read only."""

    inward: Callable[..., Any] = field(kw_only=False)
    outward: Callable[[Any], Any] | None = field(kw_only=False, default=None)
    exact: bool = False  # the numbers must be read as decimals, never as floats


@dataclass(frozen=True, kw_only=True)
class Field:
    """`to` a canonical field (dotted), from one path or several.

    `ref` names the resource of this provider whose record the value is the key of: it arrives as our id.
    `owner`: ours | theirs | newest | ask, who wins when both sides changed. `write`: always | if_empty | never | append,
    what an incoming value does to ours.
    """

    to: str = field(kw_only=False)
    source: str | tuple[str, ...] = field(kw_only=False)
    convert: Converter | None = field(kw_only=False, default=None)
    ref: str | None = None
    owner: str = "theirs"
    write: str = "always"
    required: bool = False

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source,) if isinstance(self.source, str) else self.source


def fields(convert: Converter | None = None, *beside: str, **sources: str) -> tuple[Field, ...]:
    """Several fields of one kind: `fields(convert.text, given_name="FirstName", family_name="LastName")`. Every one of them
    also reads the paths `beside`: `fields(convert.money_major, "Currency", paid="AmountPaid", due="AmountDue")`."""
    return tuple(Field(to, (source, *beside) if beside else source, convert) for to, source in sources.items())


@dataclass(frozen=True, kw_only=True)
class Const:
    """The same canonical value in every record of this resource."""

    to: str = field(kw_only=False)
    value: Any = field(kw_only=False)


@dataclass(frozen=True, kw_only=True)
class Each:
    """A list inside the record, element by element."""

    to: str = field(kw_only=False)
    source: str = field(kw_only=False)
    fields: tuple[Field | Const, ...] = field(kw_only=False)


@dataclass(frozen=True)
class Mapping:
    """All fields of one resource. `version` is part of the content hash: raise it and every record is looked at again."""

    fields: tuple[Field | Const | Each, ...]
    version: int = 1

    def __init__(self, *fields: Field | Const | Each, version: int = 1) -> None:
        object.__setattr__(self, "fields", fields)
        object.__setattr__(self, "version", version)
