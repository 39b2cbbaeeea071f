"""What waits for a person's yes: one page for everything of a connection."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from integrations import roles
from integrations.marketplace import access, plans, words
from integrations.marketplace.faces import here, show
from integrations.sync import decisions, waiting
from integrations.sync import services as syncing
from integrations.sync.models import SyncRun


@require_safe
def plan(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Everything of a connection that waits, with one button for all of it."""
    connection, provider = access.connection_or_404(request, pk)
    runs = waiting.runs(connection)
    planning = SyncRun.objects.filter(connection=connection, state__in=syncing.UNFINISHED, kind=SyncRun.Kind.SYNC)
    context = {
        "connection": connection,
        "provider": provider,
        "plans": plans.of_connection(runs, provider, request.user),
        "first": bool(runs) and len(waiting.first(runs)) == len(runs),
        "planning": planning.defer("plan").count(),
        "may_sync": roles.may(request.user, "sync", provider),
    }
    return show(request, "marketplace/plan.html", context)


@require_POST
def approve(request: HttpRequest, pk: UUID) -> HttpResponse:
    connection, _ = access.connection_or_404(request, pk, "sync")
    face = here(request)
    try:
        runs = waiting.approve_all(connection, user=request.user)
    except decisions.NotYet as error:
        messages.error(request, str(error))
        return redirect(face.url("plan", pk))
    if runs:
        messages.success(request, f"Approved. {words.count(len(runs), 'kind')} of record are being written now.")
    else:
        messages.info(request, "There is nothing to approve here any more.")
    return redirect(face.url("connection", pk))


@require_POST
def reject(request: HttpRequest, pk: UUID) -> HttpResponse:
    connection, _ = access.connection_or_404(request, pk, "sync")
    runs = waiting.reject_all(connection, user=request.user)
    if runs:
        messages.success(request, "Rejected. Nothing of it was written, and nothing is read until somebody asks again.")
    else:
        messages.info(request, "There is nothing to reject here any more.")
    return redirect(here(request).url("connection", pk))


@require_POST
def reject_run(request: HttpRequest, pk: UUID) -> HttpResponse:
    run, _ = access.run_or_404(request, pk, "sync")
    if run.state == SyncRun.State.PLANNED:
        decisions.reject(run, user=request.user)
        messages.success(request, "Rejected. Nothing of it was written.")
    else:
        messages.info(request, "There is nothing to reject here any more.")
    return redirect(here(request).url("run", pk))
