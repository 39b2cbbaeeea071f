"""/api/v1/. A connection's routes are mounted twice: below its own id, and below its provider's slug, where that means the
only one."""

from __future__ import annotations

from django.urls import include, path

from . import converters
from .views import actions, catalogue, connect, connections, description, records, schemas, settings, sync

converters.register()

app_name = "api"

_of_a_connection = [
    path("disconnect", connections.Disconnect.as_view()),
    path("test", connections.Test.as_view()),
    path("status", connections.Status.as_view()),
    path("account", connections.Account.as_view()),
    path("settings", settings.Settings.as_view()),
    path("mappings", settings.Mappings.as_view()),
    path("sync", sync.Sync.as_view()),
    path("sync/status", sync.SyncStatus.as_view()),
    path("sync/logs", sync.SyncLogs.as_view()),
    path("sync/runs/<uuid:run_id>", sync.Run.as_view()),
    path("sync/<word:resource>", sync.SyncResource.as_view()),
    path("actions/<word:action>", actions.RunAction.as_view()),
    path("<word:resource>", records.Records.as_view()),
    path("<word:resource>/<uuid:record_id>", records.Record.as_view()),
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
    path("schemas", schemas.Schemas.as_view()),
    path("schemas/<urn:urn>", schemas.CanonicalSchema.as_view(), name="canonical-schema"),
    path("schema", description.Schema.as_view(), name="schema"),
    path("docs", description.Docs.as_view(), name="docs"),
]
