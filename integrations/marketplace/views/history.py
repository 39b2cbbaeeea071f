"""What a run changed, what happened to a record, and taking a run back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from integrations import roles, shown, targets
from integrations.changes import feed, told
from integrations.marketplace import access, plans, undos
from integrations.marketplace.faces import here, show
from integrations.matching.aliases import standing
from integrations.sync import undo as undoing
from integrations.sync.models import RecordLink
from integrations.sync.undo_preview import preview

PER_PAGE = 50
LEFT_SHOWN = 50


@require_safe
def changes(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Every record a run changed, field by field, in its order."""
    run, provider = access.run_or_404(request, pk)
    _may_see(request, plans.target_of(run, provider))
    entries = feed.of_run(run.pk, after=_number(request, "after"), limit=PER_PAGE + 1)
    rows = told.tell(entries[:PER_PAGE], roles.usable_providers(request.user))
    context = {
        "run": run,
        "provider": provider,
        "connection": run.connection,
        "rows": rows,
        "following": rows[-1].id if len(entries) > PER_PAGE else None,
        "begins": "after" not in request.GET,
    }
    return show(request, "marketplace/changes.html", context)


@require_safe
def history(request: HttpRequest, target: str, record_id: UUID) -> HttpResponse:
    """What happened to a record, by whoever it was: people, connections, the API, plain SQL. The newest first."""
    if target not in targets.all_targets():
        raise Http404("No such kind of record")
    known = targets.get(target)
    _may_see(request, known)
    entries = feed.history(target, record_id, before=_number(request, "before"), limit=PER_PAGE + 1)
    row = known.model._default_manager.filter(pk=record_id).first()
    survivor = _survivor(known, record_id) if row is None else None
    if row is None and not entries and not RecordLink.objects.filter(record_id=record_id, target=target).exists():
        if survivor is None:
            raise Http404("No such record")
        merged = (
            f"The {known.label.lower()} you asked for was merged into “{shown.name_of(survivor)}”, which is shown here."
        )
        messages.info(request, merged)
        return redirect(here(request).url("history", target, survivor.pk))
    rows = told.tell(entries[:PER_PAGE], roles.usable_providers(request.user))
    context = {
        "kind": known.label,
        "target": target,
        "survivor": survivor,
        "survivor_name": shown.name_of(survivor),
        "name": shown.name_of(row) or (rows[0].name if rows else f"A {known.label.lower()} that is no longer here"),
        "rows": rows,
        "following": rows[-1].id if len(entries) > PER_PAGE else None,
        "begins": "before" not in request.GET,
    }
    return show(request, "marketplace/history.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def undo(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Says first what would be taken back, what would be left, and what the next sync does."""
    run, provider = access.run_or_404(request, pk, "sync")
    if request.method == "POST":
        try:
            begun = undoing.begin(run, user=request.user)
        except undoing.CannotUndo as refused:
            messages.error(request, str(refused))
            return redirect(here(request).url("run", pk))
        return redirect(here(request).url("run", begun.pk))
    refusal = undoing.refusal(run)
    context: dict[str, Any] = {
        "run": run,
        "provider": provider,
        "connection": run.connection,
        "refusal": refusal,
        "consequences": undos.consequences(run, provider),
    }
    if not refusal:
        found = preview(run)
        visible = plans.may_see(request.user, plans.target_of(run, provider))
        usable = roles.usable_providers(request.user)
        context |= {"preview": found, "left": undos.left(found.listed, usable) if visible else []}
    return show(request, "marketplace/undo.html", context)


def _may_see(request: HttpRequest, target: targets.Target | None) -> None:
    if not plans.may_see(request.user, target):
        raise PermissionDenied("Your account may not see these records. Ask your chapter's admin.")


def _survivor(target: targets.Target, record_id: UUID) -> Any:
    """The record that a merged one became."""
    return target.model._default_manager.filter(pk=standing(target, [record_id]).get(record_id)).first()


def _number(request: HttpRequest, name: str) -> int | None:
    """Where the page begins; nonsense begins at the beginning."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
