"""Plans of runs as pages show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from integrations import roles, targets
from integrations.provider import Provider
from integrations.shown import label as label_of
from integrations.sync import decisions
from integrations.sync import plan as plans
from integrations.sync.models import SyncRun
from integrations.targets import Target

from . import words

COUNTS = (
    ("created", "New"),
    ("updated", "Changed"),
    ("deleted", "Deleted there"),
    ("unchanged", "Nothing to change"),
    ("quarantined", "Set aside"),
)
SKIPPED = {
    "unlinked": "left alone, because somebody unlinked them",
    "deleted_on_both_sides": "left alone, because they are deleted here and there",
}
WHY = {
    plans.ASKED: "Somebody asked to see this before it is done.",
    plans.FIRST: "This is the first sync of these records, so it waits for a yes.",
    plans.LARGE: "This would change or delete more than a sync may do by itself, so it waits for a yes.",
    plans.DELETES: "Everything is written but these deletes: they wait for a yes.",
}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """`counts`: (what, how many). `samples`: (heading, samples, how many there are). `others`: counters beyond the usual."""

    run: SyncRun
    label: str
    why: str
    stale: str
    counts: list[tuple[str, int]]
    samples: list[tuple[str, list[dict[str, Any]], int]]
    aside: list[dict[str, Any]]
    reasons: list[dict[str, Any]]
    more_reasons: int
    skipped: list[tuple[int, str]]
    irreversible: list[str]
    notes: list[str]
    hidden: bool

    @property
    def waits(self) -> bool:
        return bool(self.run.state == SyncRun.State.PLANNED)

    @property
    def changes(self) -> int:
        return sum(number for what, number in self.counts if what in ("New", "Changed", "Deleted there"))


def shown(run: SyncRun, provider: Provider, user: Any) -> Shown | None:
    """The plan of a run; None where it has none. Names and values only for who may see such records."""
    if not run.plan or run.plan["why"] not in WHY:
        return None
    plan, counts = run.plan, run.plan["counts"]
    visible = may_see(user, target_of(run, provider))
    samples = plan["samples"] if visible else {kind: [] for kind in plan["samples"]}
    usual = {name for name, _ in COUNTS}
    others = [(label_of(name), number) for name, number in counts.items() if name not in usual]
    return Shown(
        run=run,
        label=words.resource(provider, run.resource),
        why=WHY[plan["why"]],
        stale=decisions.stale(run) if run.state == SyncRun.State.PLANNED else "",
        counts=[(label, counts.get(name, 0)) for name, label in COUNTS] + others,
        samples=[
            (heading, samples[kind], counts.get(name, 0))
            for kind, name, heading in (
                ("create", "created", "New"),
                ("update", "updated", "Changed"),
                ("delete", "deleted", "Deleted there"),
            )
            if counts.get(name, 0)
        ],
        aside=samples["aside"],
        reasons=plan["reasons"],
        more_reasons=plan["more_reasons"],
        skipped=[(number, SKIPPED[name]) for name, number in plan["skipped"].items() if number],
        irreversible=plan["irreversible"],
        notes=plan["notes"],
        hidden=not visible,
    )


def of_connection(runs: Sequence[SyncRun], provider: Provider, user: Any) -> list[Shown]:
    return [found for run in runs if (found := shown(run, provider, user)) is not None]


def target_of(run: SyncRun, provider: Provider) -> Target | None:
    """What a run's records are here; None where its resource is no longer declared."""
    declared = next((one for one in provider.resources if one.name == run.resource), None)
    return targets.get(declared.target) if declared else None


def may_see(user: Any, target: Target | None) -> bool:
    return target is not None and roles.may_touch(user, "view", target)
