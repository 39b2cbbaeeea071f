"""The addresses of the marketplace, the same on every face."""

from __future__ import annotations

from django.urls import URLPattern, path

from . import logos
from .faces import STAFF, Face
from .views import catalogue, connect, connection, runs

app_name = "marketplace"


def pages(face: Face) -> list[URLPattern]:
    """The marketplace's routes, shown on this face."""
    of = "connections/<uuid:pk>/"
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
        path(of + "mappings/", face.page(connection.mappings), name="mappings"),
        path(of + "mappings/<slug:resource>/", face.page(connection.mapping), name="mapping"),
        path(of + "runs/", face.page(connection.runs), name="runs"),
        path("runs/<uuid:pk>/", face.page(runs.run), name="run"),
        path("runs/<uuid:pk>/cancel/", face.page(runs.cancel), name="cancel"),
        path("runs/<uuid:pk>/approve/", face.page(runs.approve), name="approve"),
    ]


# The logos have one address, so that a browser keeps them once.
urlpatterns = [path("logos/<slug:slug>.svg", STAFF.part(logos.logo), name="logo"), *pages(STAFF)]
