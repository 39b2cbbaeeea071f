"""Plans as a table for a terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from .models import SyncRun

WIDTH = 120
SHOWN = 5
COLUMNS = {"created": "New", "updated": "Changed", "deleted": "Deleted there", "unchanged": "Nothing to change",
           "quarantined": "Set aside"}  # fmt: skip
KINDS = {"create": "new", "update": "changed", "delete": "deleted there"}


def drawn(plans: Sequence[SyncRun]) -> str:
    """One row per plan, and below it a few records of each kind."""
    table = Table("Records", *COLUMNS.values(), title="The plan: nothing of this is written yet", title_justify="left")
    lines: list[str] = []
    for run in plans:
        plan: dict[str, Any] = run.plan or {}
        table.add_row(run.resource, *(f"{plan['counts'].get(name, 0):,}" for name in COLUMNS))
        lines += _samples(run.resource, plan)
    out = io.StringIO()
    Console(file=out, width=WIDTH).print(table)
    return "\n".join([out.getvalue().rstrip(), *lines])


def _samples(resource: str, plan: dict[str, Any]) -> list[str]:
    lines = []
    for kind, word in KINDS.items():
        for sample in plan["samples"][kind][:SHOWN]:
            changes = [] if kind == "create" else [f"{one['label']}: {one['ours'] or 'empty'} -> {one['theirs'] or 'empty'}"
                                                   for one in sample["changes"]]  # fmt: skip
            lines.append(f"  {resource}, {word}: {'; '.join([sample['name'] or sample['key'], *changes])}")
    lines += [
        f"  {resource}, set aside: {one['count']:,} because {one['field']}: {one['message']}"
        for one in plan["reasons"][:SHOWN]
    ]
    return [*lines, *(f"  {resource}: {note}" for note in plan["notes"])]
