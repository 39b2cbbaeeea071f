"""/api/v1/. A connection's routes are mounted twice: below its own id, and below its provider's slug, where that means the
only one."""

from __future__ import annotations

from django.urls import include, path

from . import converters
from .views import (
    actions,
    catalogue,
    conflicts,
    connect,
    connections,
    description,
    duplicates,
    history,
    mappings,
    plans,
    records,
    schedules,
    schemas,
    sending,
    set_aside,
    settings,
    sync,
)

converters.register()

app_name = "api"

_of_a_connection = [
    path("disconnect", connections.Disconnect.as_view()),
    path("test", connections.Test.as_view()),
    path("status", connections.Status.as_view()),
    path("account", connections.Account.as_view()),
    path("settings", settings.Settings.as_view()),
    path("mappings", mappings.Mappings.as_view()),
    path("mappings/preview", mappings.Try.as_view()),
    path("mappings/<word:resource>/versions", mappings.Versions.as_view()),
    path("mappings/<word:resource>/versions/<number:number>", mappings.Version.as_view()),
    path("mappings/<word:resource>/versions/<number:number>/restore", mappings.RestoreVersion.as_view()),
    path("sync", sync.Sync.as_view()),
    path("sync/status", sync.SyncStatus.as_view()),
    path("sync/logs", sync.SyncLogs.as_view()),
    path("sync/runs/waiting", plans.Waiting.as_view()),
    path("sync/runs/waiting/approve", plans.ApproveAll.as_view()),
    path("sync/runs/waiting/reject", plans.RejectAll.as_view()),
    path("sync/runs/<uuid:run_id>", sync.Run.as_view()),
    path("sync/runs/<uuid:run_id>/plan", plans.RunPlan.as_view()),
    path("sync/runs/<uuid:run_id>/approve", plans.Approve.as_view()),
    path("sync/runs/<uuid:run_id>/reject", plans.Reject.as_view()),
    path("sync/runs/<uuid:run_id>/changes", history.RunChanges.as_view()),
    path("sync/runs/<uuid:run_id>/undo", history.Undo.as_view()),
    path("sync/set-aside", set_aside.SetAside.as_view()),
    path("sync/set-aside/reasons", set_aside.Reasons.as_view()),
    path("sync/set-aside/retry", set_aside.RetrySetAside.as_view()),
    path("sync/set-aside/dismiss", set_aside.DismissSetAside.as_view()),
    path("sync/set-aside/<uuid:set_aside_id>", set_aside.OneSetAside.as_view()),
    path("sync/retries/<uuid:retry_id>", set_aside.Retry.as_view()),
    path("sync/schedules", schedules.Schedules.as_view()),
    path("sync/schedules/<word:resource>", schedules.Schedule.as_view()),
    path("sync/resets/<word:resource>", schedules.Reset.as_view()),
    path("sync/drift/<word:resource>", schedules.Drift.as_view()),
    path("sync/<word:resource>", sync.SyncResource.as_view()),
    path("sending", sending.Sending.as_view()),
    path("sending/<word:resource>", sending.SendingResource.as_view()),
    path("sending/<word:resource>/writes", sending.Writes.as_view()),
    path("sending/<word:resource>/retry", sending.Retry.as_view()),
    path("conflicts", conflicts.Conflicts.as_view()),
    path("conflicts/resolve", conflicts.ResolveMany.as_view()),
    path("conflicts/<uuid:conflict_id>", conflicts.OneConflict.as_view()),
    path("conflicts/<uuid:conflict_id>/resolve", conflicts.ResolveOne.as_view()),
    path("conflicts/<uuid:conflict_id>/reopen", conflicts.Reopen.as_view()),
    path("actions/<word:action>", actions.RunAction.as_view()),
    path("<word:resource>", records.Records.as_view()),
    path("<word:resource>/<uuid:record_id>", records.Record.as_view()),
    path("<word:resource>/<uuid:record_id>/history", history.RecordHistory.as_view()),
]

urlpatterns = [
    path("integrations", catalogue.Catalogue.as_view(), name="integrations"),
    path("integrations/connected", catalogue.Connected.as_view()),
    path("integrations/<provider:slug>", catalogue.Integration.as_view(), name="integration"),
    path("integrations/<provider:slug>/connect", connect.Connect.as_view()),
    path("integrations/<provider:slug>/oauth/url", connect.AuthorizeUrl.as_view()),
    path("integrations/<provider:slug>/oauth/callback", connect.Callback.as_view()),
    path("integrations/<provider:slug>/", include(_of_a_connection)),
    path("connections", connections.Connections.as_view(), name="connections"),
    path("connections/<uuid:connection_id>", connections.OneConnection.as_view(), name="connection"),
    path("connections/<uuid:connection_id>/connect", connect.Reconnect.as_view()),
    path("connections/<uuid:connection_id>/oauth/url", connect.ReauthorizeUrl.as_view()),
    path("connections/<uuid:connection_id>/", include(_of_a_connection)),
    path("duplicates", duplicates.Duplicates.as_view()),
    path("duplicates/<uuid:review_id>", duplicates.Duplicate.as_view()),
    path("merges", duplicates.Merges.as_view()),
    path("merges/<uuid:merge_id>", duplicates.OneMerge.as_view()),
    path("merges/<uuid:merge_id>/undo", duplicates.UndoMerge.as_view()),
    path("schemas", schemas.Schemas.as_view()),
    path("schemas/<urn:urn>", schemas.CanonicalSchema.as_view(), name="canonical-schema"),
    path("schema", description.Schema.as_view(), name="schema"),
    path("docs", description.Docs.as_view(), name="docs"),
]
