"""Two records of ours made one: found, looked at side by side, confirmed, and undone."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from integrations import roles, targets
from integrations.ids import id_of
from integrations.marketplace.faces import here, show
from integrations.matching import finding, merging
from integrations.matching.merging import NotMergeable
from integrations.matching.models import Merge
from integrations.matching.undo import undo, undoable
from integrations.targets import Target

PER_PAGE = 25


@require_safe
def merges(request: HttpRequest) -> HttpResponse:
    """Finds two records to make one, and lists what was merged."""
    kinds = _kinds(request)
    done = Merge.objects.filter(target__in=[kind.name for kind in kinds]).select_related("merged_by", "undone_by")
    chosen = next((kind for kind in kinds if kind.name == request.GET.get("target")), kinds[0] if kinds else None)
    text = request.GET.get("q", "").strip()[:100]
    context = {
        "kinds": kinds,
        "chosen": chosen,
        "text": text,
        "found": finding.find(chosen, text) if chosen and text else [],
        "page": Paginator(done, PER_PAGE).get_page(request.GET.get("page")),
    }
    return show(request, "marketplace/merges.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def merge(request: HttpRequest) -> HttpResponse:
    """`?target=&kept=&merged=`: what would happen, with a choice for each field that differs; and its confirmation."""
    kinds = _kinds(request)
    asked = request.POST if request.method == "POST" else request.GET
    target = next((kind for kind in kinds if kind.name == asked.get("target")), None)
    kept, merged = id_of(asked.get("kept")), id_of(asked.get("merged"))
    if target is None or kept is None or merged is None:
        messages.info(request, "Choose two records: one to keep, and one to merge into it.")
        return redirect(here(request).url("merges"))
    try:
        if request.method == "POST":
            chosen = {
                name.removeprefix("field-"): str(value) for name, value in asked.items() if name.startswith("field-")
            }
            made = merging.merge(target, kept, merged, chosen, user=request.user)
            messages.success(request, f"“{made.label}” was merged. It can be undone for 90 days.")
            return redirect(here(request).url("merged", made.pk))
        preview = merging.preview(target, kept, merged)
    except NotMergeable as refused:
        messages.error(request, str(refused))
        return redirect(here(request).url("merges"))
    return show(request, "marketplace/merge.html", {"preview": preview, "kept": kept, "merged": merged})


@require_safe
def merged(request: HttpRequest, merge_id: UUID) -> HttpResponse:
    found, target = _merge_or_404(request, merge_id)
    return show(request, "marketplace/merged.html", {"merge": found, "target": target, "undoable": undoable(found)})


@require_POST
def unmerge(request: HttpRequest, merge_id: UUID) -> HttpResponse:
    found, _ = _merge_or_404(request, merge_id)
    try:
        undone = undo(found, user=request.user)
    except NotMergeable as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"“{found.label}” is a record of its own again.")
        for sentence in undone.moved_on:
            messages.warning(request, sentence)
    return redirect(here(request).url("merged", found.pk))


def _kinds(request: HttpRequest) -> list[Target]:
    """What the person may merge. PermissionDenied for one who may merge nothing."""
    if not request.user.has_perm(roles.MERGE):
        raise PermissionDenied(
            "Your account may not merge records. It needs the role Chapter admin or Membership secretary."
        )
    seen = roles.targets_seen_by(request.user)
    return [target for target in targets.all_targets().values() if target.mergeable and target.name in seen]


def _merge_or_404(request: HttpRequest, merge_id: UUID) -> tuple[Merge, Target]:
    kinds = {kind.name: kind for kind in _kinds(request)}
    found = get_object_or_404(Merge.objects.select_related("merged_by", "undone_by"), pk=merge_id)
    if found.target not in kinds:
        raise PermissionDenied("Your account may not see records of this kind.")
    return found, kinds[found.target]
