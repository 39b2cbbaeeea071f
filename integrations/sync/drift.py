"""Notices when a vendor no longer sends what it used to: a mapped field that stops arriving, or arrives as something else.

A few records of every batch are looked at. What they say is kept on the resource's state with the batch, and judged when a
read is complete: not before, because a list in the order of its making holds its newest fields at the end.

`ResourceState.arrivals`: `{path: [looked at before, of these with a value, looked at now, of these with a value, kind,
{kind: how often now}]}`. "Now" collects until FEWEST records have been looked at, over as many reads as that takes.
`ResourceState.drift`: `[{"path", "problem": "missing" | "kind", "was", "now", "since"}]`, the alarms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from integrations.mapping.overrides import deviate, overrides_of
from integrations.mapping.paths import Getter, getter
from integrations.provider import Each, Field, Resource

from .batch import Route
from .intake import gone_of
from .models import ResourceState

# Of one batch so many records are looked at: half a millisecond, whatever the size of the batch.
SAMPLE = 100
FEWEST = 50
# A field that came in fewer than this share of records may well be absent from the next ones.
SHARE = 0.2
# So that what was usual a year ago does not outweigh what was usual last week.
MOST_REMEMBERED = 5_000
KINDS: dict[type, str] = {
    str: "text", int: "a number", float: "a number", Decimal: "a number", bool: "true or false", list: "a list",
    dict: "an object",
}  # fmt: skip

Alarm = dict[str, Any]


class Watch:
    """The fields of one resource while it is read. `arrivals` is to be stored with each batch."""

    def __init__(self, route: Route, state: ResourceState) -> None:
        self.gone = gone_of(route.resource)
        self.alarming = {alarm["path"] for alarm in state.drift}
        self.getters: dict[str, Getter] = {path: getter(path) for path in paths(route)}
        known = state.arrivals if isinstance(state.arrivals, dict) else {}
        self.arrivals: dict[str, list[Any]] = {
            path: known[path] if _sound(known.get(path)) else [0, 0, 0, 0, "", {}] for path in self.getters
        }

    def look(self, records: Sequence[Any]) -> None:
        """Count what a few of these hold, evenly spread."""
        sample = [one for one in records[:: -(-len(records) // SAMPLE) or 1] if type(one) is dict]
        if self.gone:  # of what is deleted, some vendors leave nothing but the key
            sample = [one for one in sample if not self.gone(one)]
        for path, value_of in self.getters.items():
            found = self.arrivals[path]
            kinds = Counter(kind for one in sample if (kind := _kind(value_of(one))))
            found[2] += len(sample)
            found[3] += sum(kinds.values())
            for kind, number in kinds.items():
                found[5][kind] = found[5].get(kind, 0) + number

    def judge(self, alarms: Iterable[Alarm], now: datetime) -> list[Alarm]:
        """The alarms as they stand after a complete read: old ones whose field arrives again are over."""
        standing = {(alarm["path"], alarm["problem"]): alarm for alarm in alarms if alarm["path"] in self.getters}
        for path in self.alarming - {path for path, _ in standing}:  # dismissed while this was read
            if path in self.arrivals:
                self.arrivals[path] = [0, 0, 0, 0, "", {}]
        for path, found in self.arrivals.items():
            missing, kind = (path, "missing"), (path, "kind")
            if found[3]:
                standing.pop(missing, None)
            if found[4] in found[5]:
                standing.pop(kind, None)
            if found[2] < FEWEST:
                continue
            if stopped := _stopped(found):
                standing.setdefault(missing, {"path": path, "problem": "missing", **stopped, "since": now.isoformat()})
            elif changed := _changed(found):
                standing.setdefault(kind, {"path": path, "problem": "kind", **changed, "since": now.isoformat()})
            if missing not in standing and kind not in standing:
                _remember(found)
            found[2:4], found[5] = [0, 0], {}
        return list(standing.values())


def paths(route: Route) -> list[str]:
    """Where the mapping looks in a record, the connection's own deviations included; lists as a whole."""
    steps = deviate(route.resource.mapping.fields, overrides_of(route.connection, route.resource.name))
    found: dict[str, None] = {}
    for step in steps:
        if isinstance(step, Field):
            found.update(dict.fromkeys(path.removeprefix("/") for path in step.sources if path))
        elif isinstance(step, Each) and step.source:
            found[step.source.removeprefix("/")] = None
    if route.resource.within:
        found.pop(route.resource.within.into, None)
    return list(found)


def dismiss(state: ResourceState, path: str) -> bool:
    """It is right as it is: the alarms of this field are over, and what was usual before is forgotten. False where it has
    none. Call it with the state locked."""
    left = [alarm for alarm in state.drift if alarm["path"] != path]
    if len(left) == len(state.drift):
        return False
    state.drift = left
    state.arrivals = {name: found for name, found in state.arrivals.items() if name != path}
    state.save(update_fields=["drift", "arrivals"])
    return True


def sentence(provider: str, alarm: Alarm) -> str:
    """What happened, in words: `Xero no longer sends EmailAddress: it came in 84% of records, and in none of the last 120.`"""
    if alarm["problem"] == "missing":
        return (
            f"{provider} no longer sends {alarm['path']}: it came in {alarm['was']} of records before, and in none of the last"
            f" {alarm['now']:,}."
        )
    return f"{provider} now sends {alarm['path']} as {alarm['now']}: it was {alarm['was']} before."


def remedy(provider: str, resource: Resource) -> str:
    return (
        f"What is here stays as it was. Look at {provider} whether the field was renamed, hidden or left out of what we may"
        f" see; choose its new name in the field mapping of {resource.title.lower()}, or dismiss this if it is right."
    )


def _kind(value: Any) -> str:
    """ "" for no value: an empty text or list says as little as none."""
    return "" if value is None or value == "" or value in ([], {}) else KINDS.get(type(value), "")


def _stopped(found: list[Any]) -> dict[str, Any] | None:
    before, with_value, now, arrived = found[:4]
    if arrived or before < FEWEST or with_value < SHARE * before:
        return None
    return {"was": f"{with_value / before:.0%}", "now": now}


def _changed(found: list[Any]) -> dict[str, Any] | None:
    """Only of a field that always was of one kind."""
    _, with_value, _, arrived, kind, kinds = found
    if not kind or kind == "mixed" or kind in kinds or min(with_value, arrived) < FEWEST * SHARE:
        return None
    return {"was": kind, "now": max(kinds, key=lambda one: kinds[one])}


def _remember(found: list[Any]) -> None:
    found[0] += found[2]
    found[1] += found[3]
    if found[0] > MOST_REMEMBERED:
        found[0], found[1] = found[0] // 2, found[1] // 2
    kinds = {*found[5], *([found[4]] if found[4] else [])}
    found[4] = "" if not kinds else kinds.pop() if len(kinds) == 1 else "mixed"


def _sound(found: Any) -> bool:
    return isinstance(found, list) and len(found) == 6 and isinstance(found[5], dict)
