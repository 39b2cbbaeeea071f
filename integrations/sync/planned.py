"""A run that only plans: when it must, what it notes of each batch, and how it ends."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from integrations import registry
from integrations.connections.models import Connection
from integrations.provider import FullComparison, Tombstones

from . import plan as plans
from . import survey, tombstones
from .apply import Outcome
from .batch import Counts, Route
from .copy import table
from .models import PlannedKey, RecordLink, ResourceState, SyncRun
from .plan import Plan
from .positions import Position

REPLACED = "A newer plan took its place."


def is_first(connection: Connection, state: ResourceState) -> bool:
    """Whether a resource waits for a person's first yes: never read completely, and never approved."""
    if not connection.plan_first or state.last_complete_at is not None:
        return False
    mine = SyncRun.objects.filter(connection_id=connection.pk, resource=state.resource)
    return not mine.filter(approved=True).exists()


def begin(run: SyncRun, connection: Connection, state: ResourceState) -> None:
    """Called with the state locked, when a run begins: a resource's first read is only planned."""
    if not run.plan_only and not run.approved and is_first(connection, state):
        run.plan_only = True
        run.save(update_fields=["plan_only"])


def opened(run: SyncRun, connection: Connection, state: ResourceState, place: Position) -> Plan | None:
    """The plan a run begins, or goes on with; None for one that writes."""
    if run.plan_only:
        PlannedKey.objects.filter(run=run).delete()
        why = plans.FIRST if is_first(connection, state) else plans.ASKED
        return Plan(why, linked=linked(run, place))
    if (run.plan or {}).get("why") != plans.LARGE:
        return None
    run.plan, again = None, None
    if place.resumed:  # where it met the limit before it was interrupted; else it meets it anew
        PlannedKey.objects.filter(run=run).delete()
        again = beyond(run, place)
    SyncRun.objects.filter(pk=run.pk).update(plan=run.plan)
    return again


def linked(run: SyncRun, place: Position) -> int:
    """How many records of the resource were linked when the read began."""
    return RecordLink.objects.filter(
        connection_id=run.connection_id,
        resource=run.resource,
        state=RecordLink.State.ACTIVE,
        first_seen__lt=place.began,
    ).count()


def too_much(run: SyncRun, place: Position, counts: Counts) -> bool:
    """Whether with these counts an unattended run has changed and deleted more than it may."""
    heavy = counts.updated + counts.deleted
    return not run.approved and heavy > plans.limit(0) and heavy > plans.limit(linked(run, place))


def room(run: SyncRun, linked: int) -> int:
    """How many records, of so many linked, the run may still delete without a person."""
    return max(0, plans.limit(linked) - run.updated - run.deleted)


def beyond(run: SyncRun, place: Position) -> Plan:
    """The plan of what comes after the limit. What was written before it stays, and stands on the run."""
    plan = Plan(plans.LARGE, linked=linked(run, place))
    written = Counts.of(run)
    if written.total:
        plan.notes.append(
            f"Before it met the limit it had read {written.total:,} records and written {written.created:,} new and"
            f" {written.updated:,} changed ones. These stay; the run can be undone."
        )
    return plan


def note(plan: Plan, route: Route, run: SyncRun, outcome: Outcome, *, since: int, now: datetime) -> None:
    """Take down what a batch did since `survey.mark`. Call it in the batch's transaction, before that is rolled back."""
    found = survey.survey(route, run.pk, since, seen=outcome.seen, now=now, wants=plan.wants)
    plan.add(outcome.counts, found)
    if _lists_deletions(route):
        plan.changed.update(survey.changed_at(route, outcome.seen, now))


def keep(plan: Plan, route: Route, run: SyncRun, seen: Sequence[str], *, comparing: bool) -> None:
    """The keys a batch showed, where their absence or their presence means something, and the run's progress."""
    wanted = comparing or _holds_others(route)
    written = Counts.of(run) if plan.why == plans.LARGE else Counts()
    if plan.why != plans.LARGE:
        plan.counts.put_on(run)
    run.fetched = written.total + plan.counts.total
    with transaction.atomic():
        if wanted and seen:
            with database.cursor() as cursor:
                table(PlannedKey).insert(cursor, [{"run_id": run.pk, "external_id": key} for key in seen])
        shown = {"plan": plan.stored()} if plan.why == plans.LARGE else _counts_of(run)
        SyncRun.objects.filter(pk=run.pk).update(
            **shown, fetched=run.fetched, total=run.total, progress_at=timezone.now()
        )


def conclude(
    plan: Plan, route: Route, run: SyncRun, state: ResourceState, place: Position, *, buried: tombstones.Found | None
) -> list[str]:
    """The end of a plan: what a complete read or the vendor's list of deletions would delete, and the plan put on the run.
    Returns what to say beside the counts."""
    said: list[str] = []
    if place.since is None and _compares(route):
        said += _gone(plan, route, run, state, place)
    if buried is not None:
        _named(plan, route, buried)
    if plan.why == plans.ASKED and plan.heavy > plans.limit(plan.linked):
        plan.why = plans.LARGE
    if plan.why != plans.LARGE or run.plan_only:
        run.deleted = plan.counts.deleted
    if route.resource.within is not None and parents(route) is not None:
        plan.notes.append(
            f"What it lives inside ({route.resource.within.resource}) is planned, too, and is approved first."
        )
    if state.sends:
        plan.irreversible.append(
            f"The {route.resource.title.lower()} are also sent: what the syncs after this one send there, no undo takes back."
        )
    run.plan = plan.stored()
    _replace_older(run)
    if not _holds_others(route):
        PlannedKey.objects.filter(run=run).delete()
    if plan.why == plans.LARGE and not run.plan_only:
        would = plan.counts
        said.append(
            f"It would change or delete more than it may by itself, so it waits for approval: {would.created:,} new,"
            f" {would.updated:,} changed and {would.deleted:,} deleted are not written yet."
        )
    return said


def of_deletes(route: Route, run: SyncRun, state: ResourceState, place: Position) -> dict[str, Any]:
    """The plan of a run that has written everything but the deletes it may not do by itself."""
    plan = Plan(plans.DELETES, linked=linked(run, place))
    count, sample = survey.gone(route, run.pk, state, place.began, plans.SAMPLES)
    plan.add_gone(count, sample)
    return plan.stored()


def of_named(route: Route, run: SyncRun, place: Position, gone: tombstones.Named) -> dict[str, Any]:
    """The same of deletes that the vendor's own list names."""
    plan = Plan(plans.DELETES, linked=linked(run, place))
    plan.add_deleted(len(gone.links), survey.of_links(route, gone.links, plans.SAMPLES))
    return plan.stored()


def parents(route: Route) -> UUID | None:
    """The waiting plan of the resource this one lives inside, where that was never read: its keys are the way in."""
    if route.resource.within is None:
        return None
    waiting = SyncRun.objects.filter(
        connection_id=route.connection.pk,
        resource=route.resource.within.resource,
        state=SyncRun.State.PLANNED,
        plan_only=True,
    )
    return waiting.order_by("-created_at").values_list("pk", flat=True).first()


def _gone(plan: Plan, route: Route, run: SyncRun, state: ResourceState, place: Position) -> list[str]:
    if place.doubtful or place.short:
        return ["Not everything was seen, so nothing would be taken as deleted."]
    kept = state if plan.why == plans.LARGE else None
    plan.add_gone(*survey.gone(route, run.pk, kept, place.began, plan.wants["delete"]))
    return []


def _named(plan: Plan, route: Route, buried: tombstones.Found) -> None:
    gone = tombstones.named(route, buried, changed=plan.changed)
    plan.add_deleted(len(gone.links), survey.of_links(route, gone.links, plan.wants["delete"]))
    if too_many := tombstones.beyond_the_brake(route, gone):
        plan.notes.append(f"{too_many}: these are deleted here only if somebody approves it.")


def _lists_deletions(route: Route) -> bool:
    deletes = route.resource.deletes
    return isinstance(deletes, Tombstones) and bool(deletes.path)


def _compares(route: Route) -> bool:
    return isinstance(route.resource.deletes, FullComparison)


def _holds_others(route: Route) -> bool:
    provider = registry.get(route.connection.provider)
    return any(other.within and other.within.resource == route.resource.name for other in provider.resources)


def _replace_older(run: SyncRun) -> None:
    """Another plan of the same; deletes that wait are another question."""
    older = SyncRun.objects.filter(
        Q(plan_only=True) | Q(plan__why=plans.LARGE),
        connection_id=run.connection_id,
        resource=run.resource,
        kind=SyncRun.Kind.SYNC,
        state=SyncRun.State.PLANNED,
    ).exclude(pk=run.pk)
    PlannedKey.objects.filter(run__in=older).delete()
    older.update(state=SyncRun.State.CANCELLED, decision=SyncRun.Decision.REPLACED, message=REPLACED)


def _counts_of(run: SyncRun) -> dict[str, int]:
    return {one.name: getattr(run, one.name) for one in dataclasses.fields(Counts)}
