"""One connection: how it is doing, what it reads, and what can be done to it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from integrations import roles
from integrations.connections import services
from integrations.connections.models import Connection
from integrations.connections.settings import SettingsRefused, chosen_settings, save_settings
from integrations.marketplace import access
from integrations.marketplace.faces import here, show, wants_part
from integrations.marketplace.forms import SchemaForm
from integrations.marketplace.health import health
from integrations.marketplace.summaries import summary, with_activity
from integrations.provider import Provider
from integrations.sync import services as syncing
from integrations.sync import waiting
from integrations.sync.models import RecordLink, SyncRun

from .connect import needs_account

RUNS_PER_PAGE = 25


@require_safe
def connection(request: HttpRequest, pk: UUID) -> HttpResponse:
    """While something runs, the page asks for its own live part again until nothing does."""
    found, provider = access.connection_or_404(request, pk)
    live = summary(with_activity(Connection.objects.filter(pk=found.pk)).select_related("connected_by").get(), provider)
    context = {
        "summary": live,
        "connection": live.connection,
        "provider": provider,
        "health": health(live.connection, provider),
        "may_connect": roles.may(request.user, "connect", provider),
        "may_sync": roles.may(request.user, "sync", provider) and live.connection.status == Connection.Status.CONNECTED,
        "needs_account": needs_account(live.connection),
        "waiting": waiting.count(live.connection),
    }
    template = "marketplace/_connection_live.html" if wants_part(request) else "marketplace/connection.html"
    return show(request, template, context)


@require_safe
def runs(request: HttpRequest, pk: UUID) -> HttpResponse:
    found, provider = access.connection_or_404(request, pk)
    history = SyncRun.objects.filter(connection=found).select_related("triggered_by").defer("plan")
    page = Paginator(history, RUNS_PER_PAGE).get_page(request.GET.get("page"))
    return show(request, "marketplace/runs.html", {"connection": found, "provider": provider, "page": page})


@require_POST
def sync(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Read one resource or all; with `full`, everything again and not only what changed; with `plan`, only to show it."""
    found, provider = access.connection_or_404(request, pk, "sync")
    face, resource = here(request), request.POST.get("resource") or None
    if resource and resource not in {declared.name for declared in provider.resources}:
        raise Http404("No such resource")
    if found.status != Connection.Status.CONNECTED:
        messages.error(request, f"“{found.name}” is not connected, so nothing can be read. Reconnect it first.")
        return redirect(face.url("connection", found.pk))
    wish = {"full": "full" in request.POST, "plan_only": "plan" in request.POST}
    started = syncing.request_sync(found, resource, **wish, trigger="person", user=request.user)
    if len(started) == 1:
        return redirect(face.url("run", started[0].pk))
    if wish["plan_only"]:
        return redirect(face.url("plan", found.pk))
    messages.success(request, f"Syncing {len(started)} kinds of record from {provider.name}.")
    return redirect(face.url("connection", found.pk))


@require_POST
def test(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask the vendor whether the credential still works, and how quickly it answers."""
    found, _ = access.connection_or_404(request, pk, "connect")
    result = services.test(found)
    if wants_part(request):
        return show(request, "marketplace/_test.html", {"result": result})
    (messages.success if result.ok else messages.error)(request, result.message)
    return redirect(here(request).url("connection", found.pk))


@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The provider's settings for this connection, drawn from its JSON Schema."""
    found, provider = access.connection_or_404(request, pk, "connect")
    sent = request.POST if request.method == "POST" else None
    form = SchemaForm(sent, schema=provider.settings, values=chosen_settings(found, provider))
    if request.method == "POST" and form.is_valid():
        try:
            save_settings(found, provider, form.cleaned_data["settings"])
        except SettingsRefused as refused:
            form.refuse(refused.errors)
        else:
            messages.success(request, "Settings saved. They count from the next sync on.")
            return redirect(here(request).url("connection", found.pk))
    context = {"connection": found, "provider": provider, "form": form}
    return show(request, "marketplace/settings.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def disconnect(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Asks first, and says what will stop and what will stay."""
    found, provider = access.connection_or_404(request, pk, "connect")
    if request.method == "POST":
        services.disconnect(found, user=request.user)
        messages.success(request, f"“{found.name}” is disconnected. What it brought here stays.")
        return redirect(here(request).url("connection", found.pk))
    context: dict[str, Any] = _consequence(found, provider)
    return show(request, "marketplace/disconnect.html", context)


def _consequence(connection: Connection, provider: Provider) -> dict[str, Any]:
    return {
        "connection": connection,
        "provider": provider,
        "linked": RecordLink.objects.filter(connection=connection).count(),
        "revokes": any(getattr(auth, "revoke", None) for auth in provider.auths if auth.kind == connection.auth_kind),
    }
