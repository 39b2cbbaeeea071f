"""The vocabulary of likeness: by what a target's records are recognised where no natural key says it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel

HOWS = ("exact", "folded", "phone", "date", "name", "address")


@dataclass(frozen=True)
class Rule:
    """Evidence that two records are one: canonical fields, compared as `how` says; `weight` points where they are the same.

    `label` is what a person calls the fields: "e-mail address". `find`: candidates are looked for by them, so their key needs
    an index (`keys.py`). `dilutes`: a value that several of ours share says less of each (a family's mailbox), and one that
    very many share says nothing. A "name" is given name, family name and the whole name, in that order.
    """

    fields: tuple[str, ...]
    label: str
    weight: int
    how: str = "exact"
    find: bool = False
    dilutes: bool = False


@dataclass(frozen=True)
class Block:
    """What tells two records apart, whatever else they share: both have it, and it is another. `asks`: not so surely that a
    person need not be asked. With `values` it stands for a state instead: either side has one of them (deceased)."""

    fields: tuple[str, ...]
    label: str
    how: str = "exact"
    asks: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Matching:
    """A candidate with `link` points is the same record, unless something speaks against it or there are two of them; from
    `review` points on a person is asked."""

    rules: tuple[Rule, ...]
    link: int
    review: int
    blocks: tuple[Block, ...] = ()

    @property
    def apart(self) -> tuple[tuple[str, ...], ...]:
        """Fields that veto a natural key too."""
        return tuple(block.fields for block in self.blocks if not block.asks)

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for part in self.parts for name in part.fields))

    @property
    def parts(self) -> list[Rule | Block]:
        return [*self.rules, *self.blocks]


def problems(matching: Matching, canonical: type[BaseModel]) -> Iterator[str]:
    """Everything in the declaration that cannot be meant."""
    for name in sorted(set(matching.fields) - set(canonical.model_fields)):
        yield f"it is matched by '{name}', which its canonical model does not have."
    for part in matching.parts:
        if part.how not in HOWS:
            yield f"there is no way '{part.how}' to compare {part.label}."
        elif len(part.fields) != (3 if part.how == "name" else 1):
            yield f"{part.label} has the wrong number of fields for '{part.how}'."
    if not any(rule.find for rule in matching.rules):
        yield "nothing says what candidates are looked for by."
    if not 0 < matching.review <= matching.link:
        yield f"records are asked about from {matching.review} points and linked from {matching.link}."
    for rule in matching.rules:
        if not 0 < rule.weight < matching.link:
            yield f"{rule.label} alone would decide, or say nothing: {rule.weight} points of {matching.link}."
