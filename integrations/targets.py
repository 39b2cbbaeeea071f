"""What a record may become here. `members` and `finance` register their targets in `ready()`; the platform knows no other way
to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from pydantic import BaseModel

from .canonical import Canonical
from .matching.rules import Matching

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Children:
    """Rows that belong to a record and are replaced with it (invoice lines). `field` is the canonical list they come from,
    `rows(record)` gives their columns; `parent` is the column that holds the record's id.

    With a `key` (columns that tell siblings apart) a system replaces only the children it ever spoke of: several systems may
    each say something about one member. `outweighs(one, other)`: which of two rows of one key stays where two records become
    one; the kept record's where nothing is said.
    """

    field: str
    model: type[models.Model]
    parent: str
    rows: Callable[[BaseModel], list[dict[str, Any]]]
    key: tuple[str, ...] = ()
    outweighs: Callable[[Row, Row], bool] | None = None


@dataclass(frozen=True, kw_only=True)
class Target:
    """One kind of record of ours.

    `canonical` is the versioned model, `model` the root table, `row(record)` its columns (without id). A natural
    key is a tuple of canonical fields that, all present and equal, mean the same record; the first that matches wins and an
    ambiguous one matches nothing. `refs` are the canonical fields that hold ids of other targets: field -> target name.

    `own_numbers`: the natural keys are numbers that each account gives for itself (an invoice's number, an account's code), so
    what is linked to another account is another record.

    A canonical field is found again in the column of its name, `<field>_id` for a reference, `<field>_minor` for money (in
    the row's `currency`), or as `renamed` says.

    `matching`: how a record is recognised where no natural key says it, and when a person is asked (`matching/rules.py`).
    `mergeable`: two of ours may be made one by a person.
    """

    name: str
    label: str
    canonical: type[Canonical]
    model: type[models.Model]
    row: Callable[[Any], dict[str, Any]]
    children: tuple[Children, ...] = ()
    natural_keys: tuple[tuple[str, ...], ...] = ()
    refs: Mapping[str, str] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    own_numbers: bool = False
    matching: Matching | None = None
    mergeable: bool = False

    @property
    def apart(self) -> tuple[tuple[str, ...], ...]:
        """What tells two records apart though a natural key is the same."""
        return self.matching.apart if self.matching else ()


class UnknownTarget(LookupError):
    """No app registered that target."""


_targets: dict[str, Target] = {}


def register(target: Target) -> None:
    known = _targets.get(target.name)
    if known is not None and known != target:
        raise RuntimeError(f"The target '{target.name}' is registered twice.")
    _targets[target.name] = target


def get(name: str) -> Target:
    try:
        return _targets[name]
    except KeyError:
        raise UnknownTarget(f"There is no target '{name}'.") from None


def all_targets() -> dict[str, Target]:
    return dict(_targets)
