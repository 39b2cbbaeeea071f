"""When a connection's resources are read by themselves, beginning anew with one, and what the vendor no longer sends."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from integrations.connections.models import Connection
from integrations.marketplace import access
from integrations.marketplace.faces import here, show
from integrations.marketplace.forms.schedule import ScheduleForm
from integrations.provider import FullComparison, Provider, Resource
from integrations.sync import drift, positions, resets
from integrations.sync.models import RecordLink, SyncRun


@require_http_methods(["GET", "HEAD", "POST"])
def schedule(request: HttpRequest, pk: UUID) -> HttpResponse:
    found, provider = access.connection_or_404(request, pk, "connect")
    sent = request.POST if request.method == "POST" else None
    form = ScheduleForm(sent, connection=found, provider=provider)
    if request.method == "POST" and form.is_valid() and form.save():
        messages.success(request, "Schedule saved.")
        return redirect(here(request).url("connection", found.pk))
    context = {"connection": found, "provider": provider, "form": form}
    return show(request, "marketplace/schedule.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def reset(request: HttpRequest, pk: UUID, resource: str) -> HttpResponse:
    """Asks which of the two, and says what each forgets and what stays."""
    found, provider = access.connection_or_404(request, pk, "sync")
    declared = _resource(provider, resource)
    face, mode = here(request), request.POST.get("mode")
    usable = found.status in (Connection.Status.CONNECTED, Connection.Status.ERROR)
    if request.method == "POST" and mode == resets.CURSOR:
        resets.forget_cursor(found, resource)
        messages.success(
            request, f"The next sync reads all {declared.title.lower()} again. Nothing else was forgotten."
        )
        return redirect(face.url("connection", found.pk))
    if request.method == "POST" and mode == resets.COMPARE and usable:
        asked = {"trigger": SyncRun.Trigger.PERSON, "user": request.user}
        return redirect(face.url("run", resets.read_and_compare(found, resource, **asked).pk))
    context = {
        "connection": found,
        "provider": provider,
        "resource": declared,
        "compares": isinstance(declared.deletes, FullComparison),
        "linked": RecordLink.objects.filter(connection=found, resource=resource).count(),
        "usable": usable,
        "undecided": request.method == "POST",
    }
    return show(request, "marketplace/reset.html", context, status=422 if request.method == "POST" else 200)


@require_POST
def dismiss_alarm(request: HttpRequest, pk: UUID, resource: str) -> HttpResponse:
    """It is right that this field no longer comes as it did."""
    found, provider = access.connection_or_404(request, pk, "connect")
    _resource(provider, resource)
    path = request.POST.get("path", "")
    with transaction.atomic():
        gone = drift.dismiss(positions.state_of(found, resource), path)
    if gone:
        messages.success(request, f"Dismissed: {path} is no longer expected.")
    else:
        messages.info(request, "There is no such alarm any more.")
    return redirect(here(request).url("connection", found.pk))


def _resource(provider: Provider, name: str) -> Resource:
    declared = next((one for one in provider.resources if one.name == name), None)
    if declared is None:
        raise Http404("No such resource")
    return declared
