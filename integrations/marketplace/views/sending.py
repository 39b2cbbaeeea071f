"""Two-way: which kinds of record are sent, what waits or was refused, switching on with what it means, and off."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.forms import UUIDField
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from integrations import roles, targets
from integrations.connections.models import Connection
from integrations.marketplace import access, facts, words
from integrations.marketplace.faces import here, show
from integrations.provider import OAuth2, Provider, Resource
from integrations.sync.push import overview, switch

PER_PAGE = 50


@require_safe
def sending(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Every kind of record that could be sent, and how it is."""
    found, provider = access.connection_or_404(request, pk)
    context = {
        "connection": found,
        "provider": provider,
        "rows": overview.overview(found),
        "may_connect": roles.may(request.user, "connect", provider),
    }
    return show(request, "marketplace/sending.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def kind(request: HttpRequest, pk: UUID, resource: str) -> HttpResponse:
    """One kind: before it is switched on what that would change, afterwards what waits and what was refused."""
    found, provider = access.connection_or_404(request, pk, "connect" if request.method == "POST" else "view")
    declared = _writable(provider, resource)
    if request.method == "POST":
        return _switched_on(request, found, provider, declared)
    outgoing = overview.of_resource(found, declared)
    may_connect = roles.may(request.user, "connect", provider)
    context = {
        "connection": found,
        "provider": provider,
        "resource": declared,
        "label": words.resource(provider, declared.name),
        "becomes": facts.becomes(declared),
        "outgoing": outgoing,
        "may_connect": may_connect,
        "may_sync": roles.may(request.user, "sync", provider),
        "asks_for_rights": any(s.write for auth in provider.auths if isinstance(auth, OAuth2) for s in auth.scopes),
    }
    if outgoing.sends:
        page = Paginator(overview.open_writes(found, declared.name), PER_PAGE).get_page(request.GET.get("page"))
        return show(request, "marketplace/sending_kind.html", {**context, "page": page, "retried": overview.RETRIED})
    context["difference"] = switch.difference(found, declared.name) if may_connect else None
    context["sees_values"] = roles.may_touch(request.user, "view", targets.get(declared.target))
    return show(request, "marketplace/sending_on.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def off(request: HttpRequest, pk: UUID, resource: str) -> HttpResponse:
    """Asks first, and says what is forgotten."""
    found, provider = access.connection_or_404(request, pk, "connect")
    declared = _writable(provider, resource)
    if request.method == "POST":
        switch.switch_off(found, declared.name)
        messages.success(request, f"Nothing is sent to {provider.name} any more. What was sent stays there.")
        return redirect(here(request).url("sending", found.pk))
    context = {
        "connection": found,
        "provider": provider,
        "label": words.resource(provider, declared.name),
        "resource": declared,
        "outgoing": overview.of_resource(found, declared),
    }
    return show(request, "marketplace/sending_off.html", context)


@require_POST
def retry(request: HttpRequest, pk: UUID, resource: str) -> HttpResponse:
    """Send again what was refused or waits: one write, or all."""
    found, provider = access.connection_or_404(request, pk, "sync")
    declared = _writable(provider, resource)
    if found.status != Connection.Status.CONNECTED:
        messages.error(request, f"“{found.name}” is not connected, so nothing can be sent. Reconnect it first.")
        return redirect(here(request).url("sending_kind", found.pk, declared.name))
    again = overview.retry(found, declared.name, _chosen(request), user=request.user)
    if again:
        messages.success(request, f"{words.count(again, 'record')} will be sent again now.")
    else:
        messages.info(request, "There was nothing to send again.")
    return redirect(here(request).url("sending_kind", found.pk, declared.name))


def _switched_on(request: HttpRequest, found: Connection, provider: Provider, declared: Resource) -> HttpResponse:
    face = here(request)
    if "confirm" not in request.POST:
        messages.error(request, "Nothing was switched on: tick that you have looked at what changes.")
        return redirect(face.url("sending_kind", found.pk, declared.name))
    if found.status != Connection.Status.CONNECTED:
        messages.error(request, f"“{found.name}” is not connected, so nothing can be sent. Reconnect it first.")
        return redirect(face.url("sending_kind", found.pk, declared.name))
    run = switch.switch_on(found, declared.name, creates="creates" in request.POST, user=request.user)
    if run is None:
        messages.info(request, "It was switched on already.")
        return redirect(face.url("sending_kind", found.pk, declared.name))
    messages.success(request, f"From now on what changes here is changed at {provider.name}.")
    return redirect(face.url("run", run.pk))


def _writable(provider: Provider, name: str) -> Resource:
    found = next((resource for resource in switch.writable(provider) if resource.name == name), None)
    if found is None:
        raise Http404("No such resource, or one that is only read")
    return found


def _chosen(request: HttpRequest) -> list[UUID] | None:
    """None for all; a value that is no id chooses nothing."""
    if "write" not in request.POST:
        return None
    try:
        return [UUIDField().clean(request.POST["write"])]
    except ValidationError:
        return []
