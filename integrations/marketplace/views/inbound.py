"""What a vendor delivers: where to, by what it is known, what came and what became of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from integrations import roles, targets
from integrations.connections.models import Connection
from integrations.inbound import addresses
from integrations.inbound.models import InboundEvent
from integrations.inbound.replay import replay
from integrations.marketplace import access, words
from integrations.marketplace.faces import here, show
from integrations.marketplace.forms.inbound import ReplayForm, SecretForm, ShownForm
from integrations.provider import Provider

PER_PAGE = 50


@require_safe
def inbound(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The address with its state, and the events, newest first."""
    found, provider = access.connection_or_404(request, pk)
    return _page(request, found, provider, SecretForm())


@require_safe
def one(request: HttpRequest, pk: UUID, event: UUID) -> HttpResponse:
    """One event with what came of it, and as it came: for who may see what it is about."""
    found, provider = access.connection_or_404(request, pk)
    row = get_object_or_404(InboundEvent.objects.select_related("run"), connection=found, pk=event)
    context = {
        "connection": found,
        "provider": provider,
        "event": row,
        "may_see_it": _may_see(request.user, provider, row),
        "may_sync": roles.may(request.user, "sync", provider),
    }
    return show(request, "marketplace/inbound_event.html", context)


@require_POST
def again(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One event, those since a moment, or those that failed."""
    found, _ = access.connection_or_404(request, pk, "sync")
    form = ReplayForm(request.POST)
    if found.status not in (Connection.Status.CONNECTED, Connection.Status.ERROR):
        messages.error(
            request, f"“{found.name}” is not connected. Reconnect it first: its next sync reads what changed."
        )
    elif not form.is_valid():
        messages.error(request, "That does not name any events. Nothing was done.")
    elif number := replay(found, form.which()):
        messages.success(request, f"{words.count(number, 'event')} will be acted on again now.")
    else:
        messages.info(request, "There was nothing to do again.")
    return redirect(here(request).url("inbound", found.pk))


@require_POST
def secret(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Keep what the vendor signs with, or make another token for the address."""
    found, provider = access.connection_or_404(request, pk, "connect")
    address = addresses.of(found)
    form = SecretForm(request.POST)
    if address is None or address.for_all:
        messages.error(request, "There is no secret to keep for this connection.")
    elif not address.signed:
        addresses.new_token(found)
        messages.success(request, "The address is another one now. The old one is taken for 24 hours more.")
    elif not form.is_valid():
        return _page(request, found, provider, form, status=422)
    else:
        addresses.keep_secret(found, form.cleaned_data["secret"].strip())
        messages.success(request, f"Deliveries of {provider.name} that are signed with it are taken from now on.")
    return redirect(here(request).url("inbound", found.pk))


def _page(
    request: HttpRequest, found: Connection, provider: Provider, secret_form: SecretForm, *, status: int = 200
) -> HttpResponse:
    shown = ShownForm(request.GET)
    state = shown.cleaned_data["state"] if shown.is_valid() else ""
    rows = InboundEvent.objects.filter(connection=found).defer("payload").order_by("-received_at", "-id")
    may_connect = roles.may(request.user, "connect", provider)
    context = {
        "connection": found,
        "provider": provider,
        "address": addresses.of(found) if may_connect else None,
        "page": Paginator(rows.filter(state=state) if state else rows, PER_PAGE).get_page(request.GET.get("page")),
        "failed": rows.filter(state=InboundEvent.State.FAILED).exclude(resource="").count(),
        "form": shown,
        "state": state,
        "secret_form": secret_form,
        "may_connect": may_connect,
        "may_sync": roles.may(request.user, "sync", provider),
    }
    return show(request, "marketplace/inbound.html", context, status=status)


def _may_see(user: Any, provider: Provider, row: InboundEvent) -> bool:
    """What nobody could read is shown to whoever set the delivery up."""
    declared = next((one for one in provider.resources if one.name == row.resource), None)
    if declared is None:
        return roles.may(user, "connect", provider)
    return roles.may_touch(user, "view", targets.get(declared.target))
