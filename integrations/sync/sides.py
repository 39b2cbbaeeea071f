"""One record's three sides, compared field by field: where only one side changed, where both did, and what each then says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from integrations.mapping.compile import Rule
from integrations.targets import Children, Target

from .batch import Effect
from .rebuild import Kin, Row, canonical_of, columns_of
from .threeway import Verdict, verdict

Key = tuple[Any, ...]
Rows = list[dict[str, Any]]


@dataclass(slots=True, kw_only=True)
class Contested:
    """A field that both sides changed, differently. `ours` is a stored value, by which a blank is told; `part` the key of a
    keyed child, as `part_of` writes it."""

    field: str
    owner: str
    ours: Any
    key: Key | None = None

    @property
    def part(self) -> str:
        return "" if self.key is None else part_of(self.key)

    @property
    def name(self) -> tuple[str, str]:
        return self.field, self.part


def part_of(key: Key) -> str:
    """A keyed child's key as text: `["email","newsletter:a"]`."""
    return orjson.dumps(list(key), default=str).decode()


def key_of(part: str) -> Key:
    return tuple(orjson.loads(part))


@dataclass(slots=True, kw_only=True)
class Sides:
    """`theirs` and `reference` (the base, or what ours was when there is none) are canonical, `row` and `before` the same as
    columns; `current` is our row, `kin` its children's. `base` is the base as it is stored, `known` whether it is one.

    `verdicts` holds what was decided for the fields that have a rule; of keyed children by (field, key).
    """

    effect: Effect
    target: Target
    theirs: BaseModel
    row: dict[str, Any]
    reference: BaseModel | None
    current: Row | None
    kin: Kin
    base: Mapping[str, Any]
    known: bool
    before: dict[str, Any] = field(default_factory=dict)
    verdicts: dict[str | tuple[str, Key], Verdict] = field(default_factory=dict)
    contested: list[Contested] = field(default_factory=list)

    def compare(self, rules: Mapping[str, Rule], without_base: Collection[tuple[str, str]]) -> None:
        """Decide every field that has a rule; what both sides changed differently is left in `contested`. `without_base`: open
        conflicts between two who never agreed."""
        assert self.current is not None
        if (amounts := _money(self.target.name)) and self.row["currency"] != self.current["currency"]:
            self._compare_as_one({"currency": "currency", **amounts})
        if not rules:
            return
        columns = columns_of(self.target.name)
        children = {child.field: child for child in self.target.children}
        for name, rule in rules.items():
            if name in self.verdicts:
                continue
            if name in columns:
                column = columns[name]
                self._decide(
                    rule,
                    Contested(field=name, owner=rule.owner, ours=self.current[column]),
                    theirs=self.row[column],
                    base=self.before[column],
                    known=self.known and (name, "") not in without_base,
                )
            elif name in children:
                self._compare_children(rule, children[name], without_base)

    def rows_of(self, child: Children) -> tuple[Rows, Rows, Rows]:
        """Their rows of these children, those of the base, and ours with the same columns."""
        assert self.reference is not None
        theirs, base = child.rows(self.theirs), child.rows(self.reference)
        columns = list((theirs or base or [{}])[0])
        ours = [{column: row[column] for column in columns} for row in self.kin.get(child.field, ())]
        return theirs, base, ours

    def as_ours(self, one: Contested) -> Any:
        """Our value as canonical JSON."""
        assert self.current is not None
        return _part(self._canonical(self.current, self.kin).get(one.field), one, self.target)

    def as_theirs(self, one: Contested) -> Any:
        return _part(orjson.loads(self.effect.base).get(one.field), one, self.target)

    def as_base(self, one: Contested) -> Any:
        return _part(self.base.get(one.field), one, self.target) if self.known else None

    def _canonical(self, row: Row, kin: Kin) -> dict[str, Any]:
        return to_jsonable_python(canonical_of(self.target, row, kin))  # type: ignore[no-any-return]

    def _compare_as_one(self, columns: Mapping[str, str]) -> None:
        """An amount means nothing in another currency: of two currencies one side's amounts count, all of them."""
        theirs_changed = any(self.row[column] != self.before[column] for column in columns.values())
        found = Verdict.TAKE if theirs_changed else Verdict.KEEP
        self.verdicts.update(dict.fromkeys(columns, found))

    def _compare_children(self, rule: Rule, child: Children, without_base: Collection[tuple[str, str]]) -> None:
        theirs, base, ours = self.rows_of(child)
        if not child.key:
            known = self.known and (child.field, "") not in without_base
            one = Contested(field=child.field, owner=rule.owner, ours=ours)
            self._decide(rule, one, theirs=theirs, base=base, known=known)
            return
        before, now, mine = by_key(child, base), by_key(child, theirs), by_key(child, ours)
        for key in [*before, *(key for key in now if key not in before)]:
            one = Contested(field=child.field, owner=rule.owner, ours=mine.get(key), key=key)
            known = self.known and one.name not in without_base
            self._decide(rule, one, theirs=now.get(key), base=before.get(key), known=known)

    def _decide(self, rule: Rule, one: Contested, *, theirs: Any, base: Any, known: bool) -> None:
        found = verdict(rule, ours=one.ours, theirs=theirs, base=base, known=known)
        if found is Verdict.CONTEST:
            self.contested.append(one)
        self.verdicts[one.field if one.key is None else (one.field, one.key)] = found


def by_key(child: Children, rows: Rows) -> dict[Key, dict[str, Any]]:
    return {tuple(row[column] for column in child.key): row for row in rows}


def items_by_key(child: Children, items: Any) -> dict[Key, Any]:
    """Canonical children by their key; the last of one key counts."""
    return {tuple(item.get(column) for column in child.key): item for item in items or ()}


def child_of(target: Target, name: str) -> Children:
    return next(child for child in target.children if child.field == name)


def _part(value: Any, one: Contested, target: Target) -> Any:
    if one.key is None:
        return value
    return items_by_key(child_of(target, one.field), value).get(one.key)


@cache
def _money(name: str) -> dict[str, str]:
    """The amounts that stand in the row's currency: field -> column."""
    return {field: column for field, column in columns_of(name).items() if column == f"{field}_minor"}
