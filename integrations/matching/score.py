"""One record of theirs against one of ours: points, reasons in words, and what speaks against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from .likeness import AGREES, DIFFERS, DOUBTFUL, Likeness, compare
from .rules import Block, Matching, Rule

MOST_SHARED = 20
SHARED_SAYS = 0.4

Row = Mapping[str, Any]


@dataclass(kw_only=True)
class Candidate:
    """A record of ours that may be theirs. `reasons`: [{"words", "points", "effect"}], effect "", "asks" or "blocks".

    `asks`: something speaks against it, so a person decides; `apart`: they are two records.
    """

    record_id: UUID
    score: int = 0
    reasons: list[dict[str, Any]] = field(default_factory=list)
    asks: bool = False
    apart: bool = False

    def shown(self) -> dict[str, Any]:
        return {"id": str(self.record_id), "score": self.score, "reasons": self.reasons}


def score(
    matching: Matching, theirs: Row, ours: Row, shared: Mapping[Rule, int], *, sure: tuple[str, ...]
) -> Candidate:
    """`shared`: of how many of ours each rule's value is. `sure` are fields that no two records of ours can share: where one
    of those is the same, a block asks instead."""
    found = Candidate(record_id=ours["id"])
    certain = False
    for rule in matching.rules:
        likeness = _likeness(rule, theirs, ours)
        if likeness is None:
            continue
        points, words = _worth(rule, likeness, shared.get(rule, 1))
        certain = certain or (likeness.grade == AGREES and rule.fields[0] in sure)
        if points:
            found.score += points
            found.reasons.append({"words": words, "points": points, "effect": ""})
    for block in matching.blocks:
        against = _against(block, theirs, ours)
        if against is not None:
            grade, words = against
            blocks = grade == DIFFERS and not block.asks
            found.apart = found.apart or (blocks and not certain)
            found.asks = True
            found.reasons.append({"words": words, "points": 0, "effect": "blocks" if blocks else "asks"})
    return found


def in_words(reason: Mapping[str, Any]) -> str:
    """`same e-mail address (+50)`, `other birth date (blocks)`."""
    if reason["points"]:
        return f"{reason['words']} (+{reason['points']})"
    return f"{reason['words']} (blocks)" if reason["effect"] == "blocks" else f"{reason['words']} (a person decides)"


def _likeness(part: Rule | Block, theirs: Row, ours: Row) -> Likeness | None:
    return compare(part.how, [theirs.get(name) for name in part.fields], [ours.get(name) for name in part.fields])


def _worth(rule: Rule, likeness: Likeness, shared: int) -> tuple[int, str]:
    points, words = rule.weight * likeness.share, likeness.words.format(rule.label)
    if rule.dilutes and shared > MOST_SHARED:
        return 0, words
    if rule.dilutes and shared > 1:
        return round(points * SHARED_SAYS), f"{words}, which {shared} records share"
    return round(points), words


def _against(block: Block, theirs: Row, ours: Row) -> tuple[str, str] | None:
    if block.values:
        having = next((row for row in (theirs, ours) if row.get(block.fields[0]) in block.values), None)
        return None if having is None else (DOUBTFUL, f"{block.label}: {having[block.fields[0]]}")
    likeness = _likeness(block, theirs, ours)
    if likeness is None or likeness.grade == AGREES:
        return None
    return likeness.grade, likeness.words.format(block.label)
