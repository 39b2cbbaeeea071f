"""What a scenario did and found, and the two looks every scenario takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from integrations import hub
from integrations.sync.models import SyncRun

from . import book, records
from .audit import Audit, Findings, snapshot
from .stage import Stage, plain_connection


@dataclass
class Outcome:
    """`figures`: what was measured, by name."""

    kills: int = 0
    findings: Findings = field(default_factory=Findings)
    figures: dict[str, Any] = field(default_factory=dict)


def look(stage: Stage, *, at_rest: bool = False) -> Findings:
    """Both chapters as they stand at this moment, held to what the vendor has listed."""
    found = Findings()
    with plain_connection() as own:
        for slug, connection_id in stage.connections.items():
            known = snapshot(own, stage.chapters[slug].schema_name, connection_id)
            found.add(Audit(known, slug, connection_id, stage.size, stage.round, at_rest=at_rest).findings())
            for run in known.runs:
                if run["state"] not in {"queued", "running", "succeeded", "partial"}:
                    found.other.append(f"{slug}: a run of {run['resource']} is {run['state']}: {run['message']}")
    return found


def counted_once(stage: Stage, before: dict[tuple[str, str], str], *, full: bool) -> Findings:
    """What the runs of this round have counted is what the vendor listed, however often they were interrupted. `before`: the
    cursors they began with."""
    found = Findings()
    for slug in stage.connections:
        for resource in records.RESOURCES:
            cursor = before.get((slug, resource), "")
            since = book.asked_with(cursor) if cursor and not full else ""
            listed = len(records.listing(stage.size, slug, resource, stage.round, since))
            with hub.enter(slug):
                run = SyncRun.objects.filter(resource=resource).order_by("-created_at")[0]
            if run.fetched != listed:
                kind = found.duplicated if run.fetched > listed else found.lost
                kind.append(f"{slug}: {resource} of round {stage.round} counted {run.fetched} of {listed}")
    return found
