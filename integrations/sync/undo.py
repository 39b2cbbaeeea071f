"""A run taken back: what it made is deleted, what it changed gets its old values, what it deleted comes back.

An undo is a run of its own (`kind` undo), works off the undone run's change sets from the newest to the oldest, one transaction
each, and stands in the feed like any other: so it can be undone. Its plan keeps how far it is and what it left as it is:

    {"why": "undo", "below": 812, "sets": 20, "done": 4, "deleted": 3, "restored": 0, "changed": 17, "left": 2,
     "moved": [{"target", "record", "part", "fields", "why", "what"}]}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from integrations.changes import origins
from integrations.changes.models import Change, ChangeSet
from integrations.changes.revert import Moved, Reverted, revert
from integrations.connections.models import Connection
from integrations.hub.jobs import enqueue
from integrations.targets import Target

from . import services
from .models import RecordLink, SyncRun
from .pull import Cancelled, Fence

KIND = "sync.undo"
MOST_MOVED = 500
PRIORITY = 3
WHY = "undo"


class CannotUndo(Exception):
    """The run cannot be taken back; the sentence says why."""


def refusal(run: SyncRun) -> str:
    """Why a run cannot be undone; "" where it can."""
    if run.state in services.UNFINISHED:
        return "It is not over yet: stop it first, or wait for its end."
    if run.plan_only:
        return "It was only planned: nothing of it was written."
    last = SyncRun.objects.filter(undoes=run).defer("plan").order_by("-created_at").first()
    if last is not None and last.state in services.UNFINISHED:
        return "It is being undone."
    if last is not None and last.state == SyncRun.State.SUCCEEDED:
        return "It has been undone. What was undone is had back by undoing the undo."
    if not ChangeSet.objects.filter(run_id=run.pk).exists():
        return "It changed nothing here, or so long ago that what was there before is no longer kept."
    return ""


def begin(run: SyncRun, *, user: Any = None, trigger: str = SyncRun.Trigger.PERSON) -> SyncRun:
    """Queue the undo of a run. Raises CannotUndo."""
    with transaction.atomic():
        locked = SyncRun.objects.select_for_update(of=("self",)).get(pk=run.pk)
        if why := refusal(locked):
            raise CannotUndo(why)
        undo = SyncRun(
            connection_id=run.connection_id,
            resource=run.resource,
            kind=SyncRun.Kind.UNDO,
            undoes=locked,
            trigger=trigger,
            triggered_by=user if getattr(user, "pk", None) else None,
        )
        undo.job_id = enqueue(KIND, key=str(undo.pk), payload={"run": str(undo.pk)}, priority=PRIORITY)
        undo.save()
    return undo


def carry_out(undo: SyncRun, work: Fence | None = None, progress: Callable[[SyncRun], None] | None = None) -> SyncRun:
    """Take the run back, change set by change set; goes on where an interrupted undo stopped. Raises LeaseLost."""
    try:
        _begun(undo, work)
        while _next(undo, work):
            if progress:
                progress(undo)
        _finish(undo, work)
    except Cancelled:
        _end(undo, SyncRun.State.CANCELLED, work)
    return undo


def left(undo: SyncRun) -> list[dict[str, Any]]:
    """What an undo left as it is."""
    found: list[dict[str, Any]] = (undo.plan or {}).get("moved", [])
    return found


def sets_of(run_id: UUID) -> list[int]:
    """The run's change sets that changed records, the newest first."""
    changed = Change.objects.exclude(op=Change.Op.OVERRULED).filter(changeset__run_id=run_id)
    return list(changed.order_by("-changeset_id").values_list("changeset_id", flat=True).distinct())


def own_of(run_id: UUID | None) -> list[UUID]:
    """The run and its undos: what they changed is not what others did since."""
    return [run_id, *SyncRun.objects.filter(undoes_id=run_id).values_list("pk", flat=True)] if run_id else []


def users_of(run: SyncRun) -> Callable[[Target, Sequence[UUID]], Mapping[UUID, str]]:
    """Who else knows a record that would be deleted: links of other connections, or of other resources of this one."""

    def users(target: Target, ids: Sequence[UUID]) -> dict[UUID, str]:
        links = RecordLink.objects.filter(
            target=target.name, record_id__in=list(ids), state=RecordLink.State.ACTIVE
        ).exclude(connection_id=run.connection_id, resource=run.resource)
        found: dict[UUID, set[str]] = {}
        for record_id, name, resource in links.values_list("record_id", "connection__name", "resource"):
            found.setdefault(record_id, set()).add(f"{resource} of “{name}”")
        return {record_id: f"also known as {', '.join(sorted(names))}" for record_id, names in found.items()}

    return users


def _begun(undo: SyncRun, work: Fence | None) -> None:
    now = timezone.now()
    with transaction.atomic():
        if work is not None:
            work.fence()
        _hold(undo)
        if undo.undoes_id is None:
            raise Cancelled
        undo.state, undo.message = SyncRun.State.RUNNING, ""
        undo.started_at, undo.progress_at = undo.started_at or now, now
        if undo.plan is None:
            sets = sets_of(undo.undoes_id)
            undo.total = Change.objects.filter(changeset_id__in=sets).exclude(op=Change.Op.OVERRULED).count()
            below = max(sets, default=0) + 1
            undo.plan = {
                "why": WHY,
                "below": below,
                "sets": len(sets),
                "done": 0,
                "deleted": 0,
                "restored": 0,
                "changed": 0,
            }
            undo.plan |= {"left": 0, "moved": []}
        undo.save(update_fields=["state", "message", "started_at", "progress_at", "total", "plan"])


def _next(undo: SyncRun, work: Fence | None) -> bool:
    """Take the next change set back, with the place and the counts in the same transaction; False after the last."""
    assert undo.plan is not None
    plan = dict(undo.plan)
    with transaction.atomic():
        if work is not None:
            work.fence()
        _hold(undo)
        changed = Change.objects.exclude(op=Change.Op.OVERRULED).filter(changeset__run_id=undo.undoes_id)
        following = changed.filter(changeset_id__lt=plan["below"]).order_by("-changeset_id")
        change_set = following.values_list("changeset_id", flat=True).first()
        if change_set is None:
            return False
        origins.speak(origins.of_undo(undo.undoes_id), undo.pk)
        done = revert([change_set], own=own_of(undo.undoes_id), users=users_of(undo))
        undo.plan = _with(plan, done) | {"below": change_set, "done": plan["done"] + 1}
        undo.fetched += changed.filter(changeset_id=change_set).count()
        undo.created, undo.updated, undo.deleted = (undo.plan[name] for name in ("restored", "changed", "deleted"))
        undo.progress_at = timezone.now()
        undo.save(update_fields=["plan", "fetched", "created", "updated", "deleted", "progress_at"])
    return True


def _with(plan: dict[str, Any], done: Reverted) -> dict[str, Any]:
    """A record that was changed several times is listed once."""
    listed = {(one["target"], one["record"], one["part"], one["why"]): one for one in plan["moved"]}
    left = plan["left"]
    for one in done.moved:
        key = (one.target, str(one.record_id), one.part, one.why)
        if key in listed:
            listed[key]["fields"] = sorted({*listed[key]["fields"], *one.fields})
            continue
        left += 1
        if len(listed) < MOST_MOVED:
            listed[key] = told(one)
    numbers = {name: plan[name] + getattr(done, name) for name in ("deleted", "restored", "changed")}
    return plan | numbers | {"left": left, "moved": list(listed.values())}


def told(one: Moved) -> dict[str, Any]:
    return {
        "target": one.target,
        "record": str(one.record_id),
        "part": one.part,
        "fields": list(one.fields),
        "why": one.why,
        "what": one.what,
    }


def _finish(undo: SyncRun, work: Fence | None) -> None:
    plan = undo.plan or {}
    parts = [
        f"{plan[name]:,} {words}"
        for name, words in (("deleted", "deleted again"), ("changed", "set back"), ("restored", "brought back"))
        if plan[name]
    ]
    undo.message = f"{', '.join(parts) or 'Nothing could be taken back'}."
    if plan["left"]:
        undo.message += f" {plan['left']:,} left as they are, because they have moved on since."
    _end(undo, SyncRun.State.PARTIAL if plan["left"] else SyncRun.State.SUCCEEDED, work)


def _end(undo: SyncRun, state: str, work: Fence | None) -> None:
    """What a person stopped stays stopped."""
    with transaction.atomic():
        if work is not None:
            work.complete()
        going_on = SyncRun.objects.filter(pk=undo.pk).exclude(state=SyncRun.State.CANCELLED)
        going_on.update(state=state, message=undo.message, finished_at=timezone.now())
    undo.refresh_from_db(fields=["state", "message", "finished_at"])


def _hold(undo: SyncRun) -> None:
    """The run, locked, unless a person has stopped it."""
    (now,) = SyncRun.objects.select_for_update(no_key=True).filter(pk=undo.pk).values_list("state", flat=True)
    if now == SyncRun.State.CANCELLED:
        raise Cancelled


def under_way(connection: Connection, resource: str) -> SyncRun | None:
    """The undo that a resource's next read waits for: one that has begun."""
    found = SyncRun.objects.filter(
        connection=connection, resource=resource, kind=SyncRun.Kind.UNDO, state=SyncRun.State.RUNNING
    )
    return next((run for run in found.defer("plan") if services.is_alive(run)), None)
