"""Undos as pages and partners are told them: what was left as it is, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from integrations import shown, targets
from integrations.changes import who
from integrations.provider import Provider
from integrations.sync.models import ResourceState, SyncRun

from . import words


class Left(NamedTuple):
    """A record that was, or would be, left as it is. `why` is a sentence."""

    target: str
    record: str
    kind: str
    name: str
    why: str


def left(rows: Sequence[dict[str, Any]], usable: Sequence[str] | None = None) -> list[Left]:
    """What an undo or its preview lists, in words; a fixed number of queries."""
    found = shown.objects((targets.get(one["target"]).model, one["record"]) for one in rows)
    names = who.in_words((one["what"] for one in rows if one["why"] == "changed"), usable)
    made = []
    for one in rows:
        target = targets.get(one["target"])
        row = found.get((target.model, one["record"]))
        name = shown.name_of(row, f"a {target.label.lower()} that is no longer here")
        made.append(Left(one["target"], one["record"], target.label, name, _why(one, names)))
    return made


def consequences(run: SyncRun, provider: Provider) -> list[str]:
    """What an undo means for the next sync, in sentences."""
    name = provider.name
    said = [
        f"Records that are deleted here stay linked: the next sync does not bring them back until they change at {name}.",
        f"Values that are set back stay until {name} changes the same field again.",
        f"Records that were set aside, and links that were made, stay as they are. At {name} nothing is undone by itself.",
    ]
    state = ResourceState.objects.filter(connection_id=run.connection_id, resource=run.resource).first()
    if state is not None and state.sends:
        label = words.resource(provider, run.resource).lower()
        said.append(f"The {label} are also sent: the next sync sends the old values to {name}.")
    return said


def _why(one: dict[str, Any], names: dict[str, who.Who]) -> str:
    if one["why"] == "changed":
        by = names[one["what"]].by
        if one["fields"]:
            target = targets.get(one["target"])
            labels = words.join([shown.label_of(target, column) for column in one["fields"]])
            return f"{labels} changed since, {by}."
        return f"{shown.label(one['part']) or 'It was'} changed since, {by}."
    return {
        "used": f"It is needed: {one['what']}.",
        "gone": "It is no longer here.",
        "there": "Somebody has made it again since.",
        "refused": f"The database refuses it: {one['what']}",
    }[one["why"]]
