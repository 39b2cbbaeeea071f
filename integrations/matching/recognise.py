"""What the unlinked records of a batch are: one of ours, somebody new, or a question for a person.

Natural keys come first; what they leave is looked for by the target's rules, where it declares any. Nothing here makes a
statement for a batch without unlinked records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.db.backends.utils import CursorWrapper

from integrations.sync.batch import Effect, Route
from integrations.sync.match import match
from integrations.sync.models import RecordLink

from . import reviews
from .candidates import candidates
from .rules import Matching
from .score import Candidate

# Shown side by side; what comes after them is less alike.
MOST_CANDIDATES = 5

# External key -> the record of ours that it is; None for somebody new.
Choices = Mapping[str, UUID | None]


@dataclass
class Recognised:
    """`same`: external key -> which of ours, and by what. `held`: a person is asked. `left_out`: a person did not want it.
    `answered`: questions that were open and are not any more."""

    same: dict[str, tuple[UUID, str]] = field(default_factory=dict)
    held: dict[str, list[Candidate]] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)


def recognise(
    cursor: CursorWrapper, route: Route, effects: Mapping[str, Effect], choices: Choices, *, asking: bool = True
) -> Recognised:
    """`choices` are decided already. Not `asking`: what natural keys do not say is somebody new."""
    found = Recognised()
    rows = {key: effect.row for key, effect in effects.items() if effect.row is not None}
    for key in rows.keys() & choices.keys():
        chosen = choices[key]
        if chosen is not None:
            found.same[key] = chosen, RecordLink.Match.MANUAL
    rows = {key: row for key, row in rows.items() if key not in choices}
    if not rows:
        return found
    vetoed: dict[str, list[UUID]] = {}
    matched = match(cursor, route, rows, vetoed)
    found.same |= {key: (record_id, RecordLink.Match.NATURAL_KEY) for key, record_id in matched.items()}
    matching = route.target.matching
    if matching is None or not asking:
        return found
    said = reviews.said_of(cursor, route, list(rows))
    found.left_out = {key for key, its in said.items() if its.left_out}
    open_rows = {key: row for key, row in rows.items() if key not in found.same and key not in found.left_out}
    alike = candidates(cursor, route, open_rows, vetoed, taken=set(matched.values()))
    for key, likely in alike.items():
        unasked = [one for one in likely if key not in said or one.record_id not in said[key].is_not]
        if unasked:
            found.held[key] = unasked[:MOST_CANDIDATES]
    _link_the_certain(matching, found)
    found.answered = {key for key, its in said.items() if its.waiting and key not in found.held}
    return found


def _link_the_certain(matching: Matching, found: Recognised) -> None:
    """Only one of ours is it, nothing speaks against that, and no other record of theirs claims the same one."""
    certain = {key: likely[0].record_id for key, likely in found.held.items() if _certain(matching, likely)}
    claims = Counter(certain.values())
    for key, record_id in certain.items():
        if claims[record_id] == 1:
            found.same[key] = record_id, RecordLink.Match.RULES
            del found.held[key]


def _certain(matching: Matching, likely: list[Candidate]) -> bool:
    best, *others = likely
    return best.score >= matching.link and not best.asks and all(other.asks for other in others)
