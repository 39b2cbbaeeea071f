"""One sync run, live while it goes on."""

from __future__ import annotations

import hashlib
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from integrations import roles
from integrations.marketplace import access, plans, undos
from integrations.marketplace.faces import here, show, wants_part
from integrations.marketplace.states import ACTIVE, progress_sentence, run_state
from integrations.sync import decisions, pace
from integrations.sync import services as syncing
from integrations.sync import undo as undoing
from integrations.sync.models import SyncRun

SET_ASIDE_SHOWN = 50
LEFT_SHOWN = 50


@require_safe
def run(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The live part asks for itself once a second until the run is over. What is read aloud is sent only when it changed:
    `said` tells what the page said last."""
    found, provider = access.run_or_404(request, pk)
    sentence = progress_sentence(found)
    said = hashlib.blake2b(sentence.encode(), digest_size=4).hexdigest()
    active = found.state in ACTIVE
    may_sync = roles.may(request.user, "sync", provider)
    usable = roles.usable_providers(request.user)
    visible = plans.may_see(request.user, plans.target_of(found, provider))
    context = {
        "run": found,
        "provider": provider,
        "connection": found.connection,
        "state": run_state(found),
        "active": active,
        "sentence": sentence,
        "said": said,
        "summary": pace.sentence(found, timezone.now()) if active else "",
        "speak": request.GET.get("said") != said,
        "set_aside": list(found.quarantined_records.defer("body")[:SET_ASIDE_SHOWN]) if found.quarantined else [],
        "may_cancel": active and may_sync,
        "may_undo": not active and may_sync and not undoing.refusal(found),
        "is_undo": found.kind == SyncRun.Kind.UNDO,
        "left": undos.left(undoing.left(found)[:LEFT_SHOWN], usable) if visible else [],
        "left_count": (found.plan or {}).get("left", 0),
        "plan": plans.shown(found, provider, request.user),
        "may_approve": found.state == SyncRun.State.PLANNED and may_sync,
    }
    return show(request, "marketplace/_run_live.html" if wants_part(request) else "marketplace/run.html", context)


@require_POST
def approve(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Carry out what a run only planned: a first sync, or one that would change or delete more than is usual."""
    found, _ = access.run_or_404(request, pk, "sync")
    if found.state != SyncRun.State.PLANNED:
        messages.info(request, "There is nothing to approve here any more.")
        return redirect(here(request).url("run", found.pk))
    try:
        begun = syncing.approve(found, user=request.user)
    except decisions.NotYet as error:
        messages.error(request, str(error))
        begun = found
    return redirect(here(request).url("run", begun.pk))


@require_POST
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    found, _ = access.run_or_404(request, pk, "sync")
    if found.state in ACTIVE:
        syncing.cancel(found)
        messages.success(request, "The run stops after the batch it is writing. What it has written stays.")
    else:
        messages.info(request, "This run was already over.")
    return redirect(here(request).url("run", found.pk))
