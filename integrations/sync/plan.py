"""What a run would do, before it does it: kept on the run (`SyncRun.plan`) and shown to the person who says yes or no.

    {"why": "asked" | "first" | "large" | "deletes", "linked": 400, "limit": 100,
     "counts": {"created", "updated", "unchanged", "deleted", "quarantined", ...}, "gone": 3,
     "samples": {"create": [...], "update": [...], "delete": [...], "aside": [...]},
     "reasons": [{"field", "message", "count"}], "more_reasons": 0,
     "skipped": {"unlinked": 0, "deleted_on_both_sides": 0}, "irreversible": ["..."], "notes": ["..."]}

A sample is `{"key": their id, "record": our id or "", "name", "changes": [{"field", "label", "ours", "theirs"}]}`, one set
aside `{"key", "reasons": ["..."]}`. `counts` is what is not written yet; what a run wrote before it met the limit stands on the
run itself. `gone`: how many of the deletes are records that a complete read no longer showed.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import timedelta
from typing import Any

import orjson
from django.conf import settings

from .batch import Counts
from .survey import Survey

ASKED, FIRST, LARGE, DELETES = "asked", "first", "large", "deletes"
SAMPLES = 20
MOST_REASONS = 20
LARGEST = 100_000  # bytes of JSON on a run
STALE_AFTER = timedelta(days=7)


def limit(linked: int) -> int:
    """How many records of so many linked a run may change or delete without a person."""
    return max(settings.PLAN_ABOVE_RECORDS, linked * settings.PLAN_ABOVE_PERCENT // 100)


class Plan:
    """A plan as it grows, batch by batch."""

    def __init__(self, why: str, *, linked: int) -> None:
        self.why, self.linked = why, linked
        self.counts = Counts()
        self.gone = 0
        # Keys of linked records, where the vendor's list of deletions is held against them.
        self.changed: set[str] = set()
        self.samples: dict[str, list[dict[str, Any]]] = {"create": [], "update": [], "delete": [], "aside": []}
        self.reasons: Counter[tuple[str, str]] = Counter()
        self.skipped: Counter[str] = Counter()
        self.irreversible: list[str] = []
        self.notes: list[str] = []

    @property
    def wants(self) -> dict[str, int]:
        """How many more samples of each kind there is room for."""
        return {kind: SAMPLES - len(found) for kind, found in self.samples.items()}

    @property
    def heavy(self) -> int:
        """How many records would be changed or deleted."""
        return self.counts.updated + self.counts.deleted

    def add(self, counts: Counts, survey: Survey) -> None:
        self.counts.add(counts)
        for kind, found in survey.samples.items():
            self.samples[kind] += found[: self.wants[kind]]
        self.reasons.update(survey.reasons)
        self.skipped.update(survey.skipped)

    def add_gone(self, count: int, sample: list[dict[str, Any]]) -> None:
        """Records that a complete read no longer showed."""
        self.gone += count
        self.add_deleted(count, sample)

    def add_deleted(self, count: int, sample: list[dict[str, Any]]) -> None:
        """Records beside those that were shown."""
        self.counts.deleted += count
        self.samples["delete"] += sample[: self.wants["delete"]]

    def stored(self) -> dict[str, Any]:
        """The plan as JSON of at most LARGEST bytes: of a plan that is larger, samples are left out."""
        ranked = self.reasons.most_common()
        found: dict[str, Any] = {
            "why": self.why,
            "linked": self.linked,
            "limit": limit(self.linked),
            "counts": dataclasses.asdict(self.counts),
            "gone": self.gone,
            "samples": {kind: list(rows) for kind, rows in self.samples.items()},
            "reasons": [
                {"field": field, "message": message, "count": count}
                for (field, message), count in ranked[:MOST_REASONS]
            ],
            "more_reasons": sum(count for _, count in ranked[MOST_REASONS:]),
            "skipped": {name: self.skipped[name] for name in ("unlinked", "deleted_on_both_sides")},
            "irreversible": self.irreversible,
            "notes": self.notes,
        }
        while len(orjson.dumps(found)) > LARGEST and any(found["samples"].values()):
            max(found["samples"].values(), key=len).pop()
        return found
