"""What a chapter's syncing needs every hour, whatever happens: schedules that follow the declarations, the nightly sweep, and
history that is not kept for ever. The job `sync.upkeep`."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from integrations import registry
from integrations.changes import prune as changes
from integrations.connections.models import Connection
from integrations.hub.jobs import Work, job
from integrations.hub.jobs.regular import regular

from . import schedules, services
from .models import QuarantinedRecord, QuarantineRetry, ResourceState, SyncRun
from .push import prune as sent

KIND = "sync.upkeep"
PRUNED_AT_ONCE = 5_000
OVER = (SyncRun.State.SUCCEEDED, SyncRun.State.PARTIAL, SyncRun.State.FAILED, SyncRun.State.CANCELLED)


@regular(KIND, every=timedelta(hours=1))
@job(KIND, max_attempts=3)
def run(work: Work) -> None:
    for connection in Connection.objects.all():
        if connection.provider in registry.all_providers():
            schedules.align(connection)
            sweep(connection)
    prune()
    sent.prune()
    changes.prune()


def sweep(connection: Connection) -> list[SyncRun]:
    """Queue a run that reads the last days once more, for each resource whose moment of the night it is."""
    if connection.status not in schedules.USABLE:
        return []
    now, asked = timezone.now(), []
    declared = {resource.name: resource for resource in registry.get(connection.provider).resources}
    for state in ResourceState.objects.filter(connection=connection, enabled=True):
        resource = declared.get(state.resource)
        if resource is None or not schedules.sweep_is_due(state, resource, now):
            continue
        with transaction.atomic():
            (found,) = services.request_sync(
                connection, state.resource, trigger=SyncRun.Trigger.SCHEDULE, back_days=state.sweep_days
            )
            if found.full or found.back_days >= state.sweep_days:
                ResourceState.objects.filter(pk=state.pk).update(swept_at=now)
                asked.append(found)
    return asked


def prune() -> int:
    """Forget what was set aside and is in order since QUARANTINE_KEEP_DAYS, and runs that ended RUN_KEEP_DAYS ago; the newest
    run of each resource stays, and one that waits for a person. 0 days keeps everything."""
    pruned = 0
    if settings.QUARANTINE_KEEP_DAYS:
        before = timezone.now() - timedelta(days=settings.QUARANTINE_KEEP_DAYS)
        resolved = QuarantinedRecord.objects.filter(resolved_at__lt=before)
        pruned += _delete(resolved.values_list("pk", flat=True), QuarantinedRecord)
        pruned += _delete(
            QuarantineRetry.objects.filter(finished_at__lt=before).values_list("pk", flat=True), QuarantineRetry
        )
    if settings.RUN_KEEP_DAYS:
        before = timezone.now() - timedelta(days=settings.RUN_KEEP_DAYS)
        newer = SyncRun.objects.filter(
            connection=OuterRef("connection"), resource=OuterRef("resource"), pk__gt=OuterRef("pk")
        )
        over = SyncRun.objects.filter(Exists(newer), finished_at__lt=before, state__in=OVER)
        pruned += _delete(over.values_list("pk", flat=True), SyncRun)
    return pruned


def _delete(keys: object, model: type[QuarantinedRecord | QuarantineRetry | SyncRun]) -> int:
    found = list(keys[:PRUNED_AT_ONCE])  # type: ignore[index]
    return model.objects.filter(pk__in=found).delete()[0] if found else 0
