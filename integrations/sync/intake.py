"""A page's records, mapped and named: what goes on, and what is set aside."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from integrations.mapping.compile import UNREADABLE, CompiledMapping, Reason
from integrations.mapping.paths import getter
from integrations.provider import Flag, Resource, Tombstones
from integrations.targets import Target

from .columns import utc
from .copy import table


class Rejected(NamedTuple):
    """A record that cannot be applied, with every reason. `key` is "" when it has none."""

    key: str
    reasons: list[Reason]
    raw: Any


@dataclass(slots=True)
class Incoming:
    """A mapped record on its way in. `data` is what the vendor says, references as keys there; `flagged`: it says that the
    record is deleted."""

    key: str
    data: dict[str, Any]
    errors: list[Reason]
    refs: dict[str, tuple[str, str]]
    digest: str
    raw: Any
    flagged: bool = False
    pending: dict[str, tuple[str, str]] = field(default_factory=dict)

    def said(self) -> dict[str, Any]:
        """What the vendor says anything about. A reference that is not resolved yet is said to be nobody's."""
        said = {name: value for name, value in self.data.items() if value is not None}
        return said | dict.fromkeys(self.pending) if self.pending else said


def take_in(
    records: Iterable[Any], resource: Resource, mapping: CompiledMapping
) -> tuple[dict[str, Incoming], list[Incoming]]:
    """Records by key, the last of one key counting, and those without a key."""
    found: dict[str, Incoming] = {}
    keyless: list[Incoming] = []
    gone = gone_of(resource)
    for raw in records:
        key, data, errors, refs = mapping.inward(raw)
        incoming = Incoming(key, data, errors, refs, "" if errors else mapping.digest(data), raw)
        if not key:
            keyless.append(incoming)
            continue
        if gone:
            incoming.flagged = gone(raw)
        found[key] = incoming
    return found, keyless


def gone_of(resource: Resource) -> Callable[[Any], bool] | None:
    """Whether a record in the list says that it is deleted; None where none does."""
    deletes = resource.deletes
    if isinstance(deletes, Flag):
        value_of, value = getter(deletes.field), deletes.value
        return lambda record: bool(value_of(record) == value)
    if isinstance(deletes, Tombstones) and deletes.field:
        value_of = getter(deletes.field)
        return lambda record: value_of(record) is not None
    return None


def validated(target: Target, data: dict[str, Any]) -> tuple[BaseModel | None, list[Reason]]:
    """The canonical record, or every reason why it is none."""
    try:
        return target.canonical.model_validate(data), []
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        return None, [Reason(".".join(map(str, one["loc"])), one["msg"].removeprefix("Value error, ")) for one in found]
    except UNREADABLE as error:
        return None, [Reason("", f"cannot be checked ({type(error).__name__})")]


def row_of(target: Target, record: BaseModel) -> tuple[dict[str, Any], list[Reason]]:
    """The record's columns, and what its tables have no room for."""
    store = table(target.model)
    row = target.row(record)
    for column in store.instants:
        if row.get(column) is not None and row[column].tzinfo is None:
            row[column] = utc(row[column])
    reasons = [Reason(column, problem) for column, problem in store.refusals(row)]
    for child in target.children:
        for index, child_row in enumerate(child.rows(record)):
            problems = table(child.model).refusals(child_row)
            reasons += [Reason(f"{child.field}.{index}.{column}", problem) for column, problem in problems]
    return row, reasons


def all_reasons(target: Target, incoming: Incoming) -> list[Reason]:
    """Of a record whose mapping failed: those reasons, and what validation finds in the fields that could be read."""
    if type(incoming.raw) is not dict:
        return incoming.errors
    failed = {reason.field for reason in incoming.errors}
    said = {name: value for name, value in incoming.said().items() if name not in incoming.refs}
    _, more = validated(target, said)
    return incoming.errors + [reason for reason in more if not _within(reason.field, failed)]


def _within(name: str, failed: set[str]) -> bool:
    """Whether a reason was given for the field, for a part of it, or for what it is part of."""
    return any(
        name == other or name.startswith(f"{other}.") or other.startswith(f"{name}.") for other in failed if other
    )
