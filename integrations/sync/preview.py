"""What a mapping would make of a few of the vendor's own records, before it is saved. Nothing is stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any

from integrations import http, registry, targets
from integrations.connections.models import Connection
from integrations.http.decode import Unreadable
from integrations.mapping.compile import UNREADABLE, CompiledMapping, Mapped, MappingError, compile_mapping
from integrations.mapping.formulas import formula
from integrations.mapping.overrides import Override, overrides_of
from integrations.mapping.paths import getter
from integrations.mapping.rules import FieldRule, checked, rules_of
from integrations.provider import ProviderError, Resource
from integrations.shown import is_money, money
from integrations.targets import Target

from .intake import validated
from .models import RecordLink
from .pages import read_pages
from .words import Words

RECORDS = 3
LONGEST_SHOWN = 300
LONGEST_SAMPLE = 100_000
MOST_DIGITS = 40  # as the door reads them


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A few records as the door decoded them, numbers exactly. `message` says why there are none."""

    records: list[Any]
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class FieldPreview:
    """One canonical field of one record. `theirs` is what is there now, `now` what the saved mapping makes of it, `then` what
    the new one would; texts for people. An error stands in the place of its value."""

    field: str
    theirs: str
    now: str
    then: str
    error_now: str = ""
    error_then: str = ""

    @property
    def changes(self) -> bool:
        return (self.now, self.error_now) != (self.then, self.error_then)


@dataclass(frozen=True, kw_only=True)
class RecordPreview:
    """`errors`: what the new mapping would have set aside of the record as a whole, or of a field that is not shown."""

    key: str
    fields: list[FieldPreview]
    errors: list[str]

    @property
    def changes(self) -> int:
        return sum(one.changes for one in self.fields)


def sample(connection: Connection, resource: str) -> Sample:
    """The first records of the vendor's first page, asked for while a person waits. KeyError for an unknown resource."""
    provider = registry.get(connection.provider)
    declared = provider.resource(resource)
    words = Words.of(connection, provider, declared)
    if connection.status not in (Connection.Status.CONNECTED, Connection.Status.ERROR):
        return Sample(records=[], message=f"“{connection.name}” is not connected, so there is no record to try it on.")
    parent = None
    if declared.within:
        links = RecordLink.objects.filter(connection=connection, resource=declared.within.resource)
        parent = links.filter(state=RecordLink.State.ACTIVE).values_list("external_id", flat=True).first()
        if parent is None:
            return Sample(
                records=[], message=f"There is no record to try it on before {declared.within.resource} are synced."
            )
    try:
        with http.open_door(connection, resource=declared.name, budget=http.PERSON) as door:
            page = next(read_pages(door, declared, exact=True, parent=parent))
    except ProviderError as error:
        return Sample(records=[], message=f"No record could be fetched to try it on. {words.ours(str(error))}")
    records = [one for one in islice(page.records, RECORDS) if type(one) is dict]
    for one in records:
        if declared.within:
            one[declared.within.into] = parent
    return Sample(records=records, message="" if records else f"{provider.name} has no record to try it on.")


def preview(
    connection: Connection, resource: str, changes: Mapping[str, Mapping[str, Any] | None], records: list[Any]
) -> list[RecordPreview]:
    """The records through the saved mapping and through the one with these changes (as `save_field_rules` takes them). Raises
    MappingRefused."""
    declared = registry.get(connection.provider).resource(resource)
    target = targets.get(declared.target)
    before = overrides_of(connection, resource)
    after = checked(declared, before, changes)
    old, new = _compiled(declared, before), compile_mapping(declared, after)
    rules = [rule for rule in rules_of(declared, after) if rule.kind != "constant"]
    return [_of_record(record, rules, target, old, new) for record in records]


def _compiled(resource: Resource, overrides: Mapping[str, Override]) -> CompiledMapping | None:
    try:
        return compile_mapping(resource, overrides)
    except MappingError:  # saved when the provider's mapping was another: there is no "now" to compare with
        return None


def _of_record(
    record: Any, rules: list[FieldRule], target: Target, old: CompiledMapping | None, new: CompiledMapping
) -> RecordPreview:
    then, now = new.inward(record), old.inward(record) if old else Mapped("", {}, [], {})
    said_then, said_now = _errors(then, target), _errors(now, target) if old else {}
    return RecordPreview(
        key=then.key,
        fields=[
            FieldPreview(
                field=rule.field,
                theirs=_theirs(rule, record),
                now=_shown(getter(rule.field)(now.data)),
                then=_shown(getter(rule.field)(then.data)),
                error_now=said_now.get(rule.field, ""),
                error_then=said_then.get(rule.field, ""),
            )
            for rule in rules
        ],
        errors=_beside(said_then, rules),
    )


def _beside(said: Mapping[str, str], rules: list[FieldRule]) -> list[str]:
    shown = {rule.field.partition(".")[0] for rule in rules}
    found = {name: message for name, message in said.items() if name.partition(".")[0] not in shown}
    return [f"{name}: {message}" if name else message for name, message in found.items() if "." not in name]


def _errors(mapped: Mapped, target: Target) -> dict[str, str]:
    """Field ("" the record) -> why it cannot be applied. What refers to another record is not looked up."""
    found: dict[str, str] = {}
    data = {name: value for name, value in mapped.data.items() if value is not None and name not in mapped.refs}
    _, more = validated(target, data)
    for reason in [*mapped.errors, *more]:
        name = reason.field
        found.setdefault(name, reason.message)
        while name := name.rpartition(".")[0]:
            found.setdefault(name, reason.message)
    return {name: message for name, message in found.items() if name not in mapped.refs}


def _theirs(rule: FieldRule, record: Any) -> str:
    if rule.transform != "formula":
        return ", ".join(_shown(getter(path.removeprefix("/"))(record)) for path in rule.source.split(",") if path)
    names = formula(rule.formula).names
    if names is None:
        return "the whole record"
    return ", ".join(f"{name}: {_shown(getter(name)(record))}" for name in sorted(names))


def _shown(value: Any) -> str:
    """As people read it, and short."""
    if value is None:
        return ""
    if is_money(value):
        try:
            return money(value["minor"], value["currency"])
        except UNREADABLE:
            return str(value)[:LONGEST_SHOWN]
    if isinstance(value, Unreadable):
        return value.reason
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else _json(value) if isinstance(value, (dict, list)) else str(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]} …"


def _json(value: Any) -> str:
    try:
        return json.dumps(value, default=str, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        return "a record that cannot be written down"


# --- the sample, kept by the page it is shown on -------------------------------------------------------------------------


def packed(records: list[Any]) -> str:
    """The records as text that `unpacked` reads again, digit for digit; empty when they are too large to go to and fro."""
    try:
        text = json.dumps(records, default=_marked)
    except (ValueError, TypeError, RecursionError):
        return ""
    return text if len(text) <= LONGEST_SAMPLE else ""


def unpacked(text: str) -> list[Any]:
    """None of it is trusted: what is no such list is an empty one."""
    if len(text) > LONGEST_SAMPLE:
        return []
    try:
        found = json.loads(text, parse_float=_number, object_hook=_meant) if text else []
    except (ValueError, ArithmeticError, RecursionError):
        return []
    return [one for one in found[:RECORDS] if type(one) is dict] if isinstance(found, list) else []


def _marked(value: Any) -> dict[str, str]:
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    return {"$unreadable": value.reason if isinstance(value, Unreadable) else "a value that cannot be written down"}


def _number(digits: str) -> Any:
    number = Decimal(digits)
    sound = number.is_finite() and len(digits) <= MOST_DIGITS and abs(number.adjusted()) <= MOST_DIGITS
    return number if sound else Unreadable("a number far too long or too large")


def _meant(found: dict[str, Any]) -> Any:
    if len(found) == 1 and isinstance(found.get("$decimal"), str):
        return _number(found["$decimal"])
    if len(found) == 1 and isinstance(found.get("$unreadable"), str):
        return Unreadable(found["$unreadable"])
    return found
