"""The addresses of the marketplace, the same on every face."""

from __future__ import annotations

from django.urls import URLPattern, path

from . import logos
from .faces import STAFF, Face
from .views import (
    catalogue,
    conflicts,
    connect,
    connection,
    duplicates,
    history,
    inbound,
    mapping,
    merges,
    plans,
    runs,
    schedule,
    sending,
    set_aside,
    webhooks,
)

app_name = "marketplace"


def pages(face: Face) -> list[URLPattern]:
    """The marketplace's routes, shown on this face."""
    of = "connections/<uuid:pk>/"
    hook = "webhooks/<uuid:endpoint_id>/"
    return [
        path("", face.page(catalogue.catalogue), name="catalogue"),
        path("providers/<slug:slug>/", face.page(catalogue.provider), name="provider"),
        path("providers/<slug:slug>/connect/", face.page(connect.connect), name="connect"),
        path("providers/<slug:slug>/connected/", face.page(connect.arrived), name="arrived"),
        path(of, face.page(connection.connection), name="connection"),
        path(of + "account/", face.page(connect.account), name="account"),
        path(of + "reconnect/", face.page(connect.reconnect), name="reconnect"),
        path(of + "disconnect/", face.page(connection.disconnect), name="disconnect"),
        path(of + "sync/", face.page(connection.sync), name="sync"),
        path(of + "test/", face.page(connection.test), name="test"),
        path(of + "settings/", face.page(connection.settings), name="settings"),
        path(of + "mappings/", face.page(mapping.mappings), name="mappings"),
        path(of + "mappings/<slug:resource>/", face.page(mapping.mapping), name="mapping"),
        path(of + "mappings/<slug:resource>/versions/", face.page(mapping.versions), name="mapping-versions"),
        path(
            of + "mappings/<slug:resource>/versions/<int:number>/", face.page(mapping.version), name="mapping-version"
        ),
        path(of + "plan/", face.page(plans.plan), name="plan"),
        path(of + "plan/approve/", face.page(plans.approve), name="plan-approve"),
        path(of + "plan/reject/", face.page(plans.reject), name="plan-reject"),
        path(of + "sending/", face.page(sending.sending), name="sending"),
        path(of + "sending/<slug:resource>/", face.page(sending.kind), name="sending_kind"),
        path(of + "sending/<slug:resource>/off/", face.page(sending.off), name="sending_off"),
        path(of + "sending/<slug:resource>/retry/", face.page(sending.retry), name="sending_retry"),
        path(of + "webhooks/", face.page(inbound.inbound), name="inbound"),
        path(of + "webhooks/again/", face.page(inbound.again), name="inbound_again"),
        path(of + "webhooks/secret/", face.page(inbound.secret), name="inbound_secret"),
        path(of + "webhooks/<uuid:event>/", face.page(inbound.one), name="inbound_event"),
        path(of + "runs/", face.page(connection.runs), name="runs"),
        path(of + "schedule/", face.page(schedule.schedule), name="schedule"),
        path(of + "reset/<slug:resource>/", face.page(schedule.reset), name="reset"),
        path(of + "drift/<slug:resource>/", face.page(schedule.dismiss_alarm), name="dismiss_alarm"),
        path(of + "set-aside/", face.page(set_aside.set_aside), name="set_aside"),
        path(of + "set-aside/retry/", face.page(set_aside.try_again), name="try_again"),
        path(of + "set-aside/dismiss/", face.page(set_aside.dismiss), name="dismiss"),
        path(of + "set-aside/<uuid:record>/", face.page(set_aside.one), name="set_aside_one"),
        path(of + "conflicts/", face.page(conflicts.conflicts), name="conflicts"),
        path(of + "conflicts/decide/", face.page(conflicts.decide), name="decide"),
        path("conflicts/", face.page(conflicts.conflicts), name="all_conflicts"),
        path("conflicts/decide/", face.page(conflicts.decide), name="decide_all"),
        path("conflicts/<uuid:pk>/", face.page(conflicts.conflict), name="conflict"),
        path("runs/<uuid:pk>/", face.page(runs.run), name="run"),
        path("runs/<uuid:pk>/cancel/", face.page(runs.cancel), name="cancel"),
        path("runs/<uuid:pk>/approve/", face.page(runs.approve), name="approve"),
        path("runs/<uuid:pk>/reject/", face.page(plans.reject_run), name="reject"),
        path("runs/<uuid:pk>/changes/", face.page(history.changes), name="changes"),
        path("runs/<uuid:pk>/undo/", face.page(history.undo), name="undo"),
        path("records/<str:target>/<uuid:record_id>/history/", face.page(history.history), name="history"),
        path("duplicates/", face.page(duplicates.duplicates), name="duplicates"),
        path("duplicates/decided/", face.page(duplicates.decided), name="decided"),
        path("merges/", face.page(merges.merges), name="merges"),
        path("merges/new/", face.page(merges.merge), name="merge"),
        path("merges/<uuid:merge_id>/", face.page(merges.merged), name="merged"),
        path("merges/<uuid:merge_id>/undo/", face.page(merges.unmerge), name="unmerge"),
        path("webhooks/", face.page(webhooks.webhooks), name="webhooks"),
        path("webhooks/new/", face.page(webhooks.new), name="webhook-new"),
        path(hook, face.page(webhooks.webhook), name="webhook"),
        path(hook + "edit/", face.page(webhooks.edit), name="webhook-edit"),
        path(hook + "rotate/", face.page(webhooks.rotate), name="webhook-rotate"),
        path(hook + "test/", face.page(webhooks.test), name="webhook-test"),
        path(hook + "enable/", face.page(webhooks.enable), name="webhook-enable"),
        path(hook + "disable/", face.page(webhooks.disable), name="webhook-disable"),
        path(hook + "delete/", face.page(webhooks.delete), name="webhook-delete"),
        path(hook + "replay/", face.page(webhooks.send_again), name="webhook-replay"),
        path(hook + "deliveries/<uuid:delivery_id>/", face.page(webhooks.delivery), name="delivery"),
        path(hook + "deliveries/<uuid:delivery_id>/replay/", face.page(webhooks.delivery_again), name="delivery-again"),
    ]


# The logos have one address, so that a browser keeps them once.
urlpatterns = [path("logos/<slug:slug>.svg", STAFF.part(logos.logo), name="logo"), *pages(STAFF)]
