"""Whose value a field gets. Pure, and the same for a column, a list and a keyed child.

Only theirs changed: theirs is taken. Only ours changed: ours stays. Both to the same: agreed. Both, differently: the field's
owner decides, or a person. Before that a write mode may say that theirs is not wanted here at all.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any

from integrations.mapping.compile import Rule

EMPTY: tuple[Any, ...] = (None, "", [], {})


class Verdict(Enum):
    KEEP = "keep"  # ours stays as it is
    TAKE = "take"  # theirs is written
    APPEND = "append"  # ours is added to
    CONTEST = "contest"  # both changed it, differently


class Winner(Enum):
    OURS = "ours"
    THEIRS = "theirs"
    THEIRS_UNDATED = "theirs, for want of times"
    NOBODY = "a person decides"


def verdict(rule: Rule, *, ours: Any, theirs: Any, base: Any, known: bool) -> Verdict:
    """`known` False: the two never agreed on anything (just matched), so that a blank of ours is no change."""
    if ours == theirs or (known and theirs == base):
        return Verdict.KEEP
    if rule.write == "never" or (rule.write == "if_empty" and ours not in EMPTY):
        return Verdict.KEEP
    if rule.write == "append":
        return Verdict.APPEND
    unchanged = ours == base if known else ours in EMPTY
    return Verdict.TAKE if unchanged else Verdict.CONTEST


def winner(owner: str, *, ours: Any, ours_at: datetime | None, theirs_at: datetime | None) -> Winner:
    """Who gets a field that both changed differently. Of times that are equal or not known nothing follows: theirs, then."""
    if owner == "ours":
        return Winner.THEIRS if ours in EMPTY else Winner.OURS
    if owner == "ask":
        return Winner.NOBODY
    if owner == "newest":
        if ours_at is None or theirs_at is None or ours_at == theirs_at:
            return Winner.THEIRS_UNDATED
        return Winner.OURS if ours_at > theirs_at else Winner.THEIRS
    return Winner.THEIRS


def appended(ours: Any, theirs: Any) -> Any:
    """A list gets what it lacks, a text a new line."""
    if isinstance(ours, list) and isinstance(theirs, list):
        return ours + [one for one in theirs if one not in ours]
    if isinstance(ours, str) and isinstance(theirs, str) and ours:
        return ours if theirs in ours else f"{ours}\n{theirs}"
    return ours if theirs in EMPTY else theirs
