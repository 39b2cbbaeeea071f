"""The way out: canonical data -> the vendor's record, by the same declaration that reads it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from integrations.provider import Const, Each, Field
from integrations.provider.money import number

from .formulas import Formula, formula
from .overrides import Override, Step
from .paths import getter, setter

Out = dict[str, Any]
Give = Callable[[Mapping[str, Any], Out, Out], None]


class Way(NamedTuple):
    """One canonical field's way out. `reads`: the top-level canonical fields whose change sends it; None: any."""

    to: str
    reads: frozenset[str] | None
    give: Give


@dataclass(frozen=True, kw_only=True)
class Outward:
    """`whole(data)` is the vendor's record: fields without a way out, and absent ones, are left out, and so is a part that a
    converter has nothing for. It raises what a converter raises.

    `rules` holds the top-level fields that are not simply sent: `if_empty` (only where theirs is empty), `append` (what theirs
    lacks). `fields`: the top-level canonical fields that are sent at all.
    """

    ways: tuple[Way, ...]
    rules: Mapping[str, str]

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(way.to.partition(".")[0] for way in self.ways)

    def whole(self, data: Mapping[str, Any]) -> Out:
        record: Out = {}
        for way in self.ways:
            way.give(data, record, record)
        return record

    def changed(self, data: Mapping[str, Any], fields: Collection[str]) -> tuple[Out, dict[str, str]]:
        """What a change of these top-level canonical fields sends, of the whole record `data`; and of each field that cannot
        be put in the vendor's words, why."""
        record: Out = {}
        reasons: dict[str, str] = {}
        for way in self.ways:
            if way.reads is not None and not way.reads.intersection(fields):
                continue
            try:
                way.give(data, record, record)
            except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
                said = str(error) if isinstance(error, ValueError) else f"it has no word there ({type(error).__name__})"
                reasons[way.to] = said
        return record, reasons


def outward_of(steps: tuple[Step, ...], overrides: Mapping[str, Override] | None = None) -> Outward:
    """The ways out of a mapping's steps. Raises BadFormula."""
    overrides = overrides or {}
    ways: list[Way] = []
    for step in steps:
        override = overrides.get(step.to)
        if isinstance(step, Const) or (override and (override.direction == "in" or override.write_out == "never")):
            continue
        if override and override.transform == "formula":
            ways += _formed(step.to, override)
        elif not (isinstance(step, Field) and step.convert and step.convert.outward is None):
            ways.append(Way(step.to, frozenset([step.to.partition(".")[0]]), _give(step)))
    sent = {way.to for way in ways}
    rules = {
        name.partition(".")[0]: override.write_out
        for name, override in overrides.items()
        if name in sent and override.write_out != "always"
    }
    return Outward(ways=tuple(ways), rules=rules)


def _formed(to: str, override: Override) -> list[Way]:
    if not override.formula_out or not override.source:
        return []
    made = formula(override.formula_out)
    reads = None if made.names is None else made.names | {to.partition(".")[0]}
    return [Way(to, reads, _give_formed(to, made, override.source))]


def _give_formed(to: str, made: Formula, path: str) -> Give:
    put = setter(path.removeprefix("/"))

    def give(data: Mapping[str, Any], _element: Out, root: Out) -> None:
        try:
            value = made(data)
        except ValueError as error:
            raise ValueError(f"{to}: {error}") from None
        if value is not None:
            put(root, sent(value))

    return give


def sent(value: Any) -> Any:
    """A formula's result as JSON writes it: an exact number digit for digit. ValueError for more digits than JSON keeps."""
    if isinstance(value, dict):
        raise ValueError("it gives money: use amount() to send the number")
    if isinstance(value, Decimal):
        return number(value)
    return [sent(one) for one in value] if isinstance(value, list) else value


def _give(step: Field | Each) -> Give:
    return _give_each(step) if isinstance(step, Each) else _give_field(step)


def _give_field(step: Field) -> Give:
    get = getter(step.to)
    puts = tuple((setter(path.removeprefix("/")), path.startswith("/")) for path in step.sources)
    convert = step.convert

    def give(data: Mapping[str, Any], element: Out, root: Out) -> None:
        value = get(data)
        if value is None or (convert and convert.outward is None):
            return
        if convert and convert.outward:
            value = convert.outward(value)
        values = value if len(puts) > 1 else (value,)
        for (put, rooted), part in zip(puts, values, strict=True):
            if part is not None:
                put(root if rooted else element, part)

    return give


def _give_each(step: Each) -> Give:
    get, put = getter(step.to), setter(step.source.removeprefix("/"))
    rooted = step.source.startswith("/")
    gives = tuple(_give(inner) for inner in step.fields if not isinstance(inner, Const))

    def give(data: Mapping[str, Any], element: Out, root: Out) -> None:
        items = get(data)
        if items is None:
            return
        made: list[Out] = []
        for item in items:
            found: Out = {}
            for inner in gives:
                inner(item, found, root)
            made.append(found)
        put(root if rooted else element, made)

    return give
