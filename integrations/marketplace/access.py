"""Finding what a page is about, for the person who asks. What is not theirs to see is refused in a sentence."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from integrations import registry, roles
from integrations.connections.models import Connection
from integrations.provider import Provider
from integrations.sync.models import SyncRun

_DOING = {"view": "see", "connect": "connect or change", "sync": "sync"}


def provider_or_404(slug: str) -> Provider:
    try:
        return registry.get(slug)
    except registry.UnknownProvider:
        raise Http404("No such provider") from None


def connection_or_404(request: HttpRequest, pk: UUID, act: str = "view") -> tuple[Connection, Provider]:
    """The connection and its provider, when the person may `act` on it. PermissionDenied names the roles that may."""
    connection = get_object_or_404(Connection.objects.select_related("connected_by"), pk=pk)
    provider = provider_or_404(connection.provider)
    require(request.user, act, provider)
    return connection, provider


def run_or_404(request: HttpRequest, pk: UUID, act: str = "view") -> tuple[SyncRun, Provider]:
    run = get_object_or_404(SyncRun.objects.select_related("connection", "triggered_by"), pk=pk)
    provider = provider_or_404(run.connection.provider)
    require(request.user, act, provider)
    return run, provider


def require(user: Any, act: str, provider: Provider) -> None:
    if not roles.may(user, act, provider):
        wanted = " or ".join(roles.roles_that_may(act, provider))
        raise PermissionDenied(f"Your account may not {_DOING[act]} {provider.name}. It needs the role {wanted}.")


def require_any_role(user: Any) -> None:
    if not user.has_perm(roles.ACTS["view"]):
        raise PermissionDenied("Your account has no role here yet. Ask your chapter's admin to give you one.")
