"""The records of a connection that are set aside: looked through by reason, tried again, dismissed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from integrations import roles, targets
from integrations.connections.models import Connection
from integrations.marketplace import access
from integrations.marketplace.faces import here, show
from integrations.marketplace.forms.set_aside import DismissForm, WhichForm
from integrations.provider import Provider
from integrations.sync import retry, setaside
from integrations.sync.models import QuarantinedRecord, QuarantineRetry

PER_PAGE = 50


@require_safe
def set_aside(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The reasons with how often each was given, and the records of the one that is chosen."""
    found, provider = access.connection_or_404(request, pk)
    form = WhichForm(request.GET, provider=provider)
    rows = form.which().rows(found).defer("body")
    groups = setaside.groups(found)
    context = {
        "connection": found,
        "provider": provider,
        "form": form,
        "narrowed": form.narrows(),
        "groups": [(group, _query(group)) for group in groups],
        "page": Paginator(rows, PER_PAGE).get_page(request.GET.get("page")),
        "query": form.query().urlencode(),
        "latest": QuarantineRetry.objects.filter(connection=found).first(),
        "may_sync": roles.may(request.user, "sync", provider),
        "usable": found.status in (Connection.Status.CONNECTED, Connection.Status.ERROR),
    }
    return show(request, "marketplace/set_aside.html", context)


@require_safe
def one(request: HttpRequest, pk: UUID, record: UUID) -> HttpResponse:
    """One record with every reason, and as it came: for who may see what it would become."""
    found, provider = access.connection_or_404(request, pk)
    row = get_object_or_404(
        QuarantinedRecord.objects.select_related("run", "dismissed_by"), connection=found, pk=record
    )
    context = {
        "connection": found,
        "provider": provider,
        "record": row,
        "may_see_it": _may_see(request.user, provider, row),
        "may_sync": roles.may(request.user, "sync", provider),
        "usable": found.status in (Connection.Status.CONNECTED, Connection.Status.ERROR),
    }
    return show(request, "marketplace/set_aside_one.html", context)


@require_POST
def try_again(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One, those of a reason, those since a moment, or all: with the mapping as it is now."""
    found, provider = access.connection_or_404(request, pk, "sync")
    face = here(request)
    form = WhichForm(request.POST, provider=provider)
    if found.status not in (Connection.Status.CONNECTED, Connection.Status.ERROR):
        messages.error(request, f"“{found.name}” is not connected. Reconnect it first.")
    elif not form.is_valid():
        messages.error(request, "That does not name any records. Nothing was tried.")
    else:
        asked = retry.request(found, form.which(), user=request.user)
        said = asked.message or f"Trying {asked.total:,} again. This page shows how far it is."
        (messages.info if asked.message else messages.success)(request, said)
    return redirect(face.url("set_aside", found.pk))


@require_http_methods(["GET", "HEAD", "POST"])
def dismiss(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Asks why, and says how many it would be."""
    found, provider = access.connection_or_404(request, pk, "sync")
    which = WhichForm(request.POST if request.method == "POST" else request.GET, provider=provider)
    form = DismissForm(request.POST if request.method == "POST" else None)
    rows = which.which().rows(found) if which.is_valid() else QuarantinedRecord.objects.none()
    if request.method == "POST" and which.is_valid() and form.is_valid():
        number = setaside.dismiss(found, which.which(), form.cleaned_data["because"], user=request.user)
        messages.success(request, f"{number:,} dismissed." if number != 1 else "Dismissed.")
        return redirect(here(request).url("set_aside", found.pk))
    context = {
        "connection": found,
        "provider": provider,
        "form": form,
        "number": rows.count(),
        "kept": which.query().items(),
    }
    return show(request, "marketplace/set_aside_dismiss.html", context, status=422 if form.is_bound else 200)


def _may_see(user: Any, provider: Provider, row: QuarantinedRecord) -> bool:
    declared = next((one for one in provider.resources if one.name == row.resource), None)
    if declared is None:
        return bool(user.has_perm("integrations.view_quarantinedrecord"))
    return roles.may_touch(user, "view", targets.get(declared.target))


def _query(group: setaside.Group) -> str:
    made = QueryDict(mutable=True)
    made.update({"resource": group.resource, "field": group.field, "message": group.message})
    return made.urlencode()
