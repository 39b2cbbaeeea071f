"""The field mappings of a connection: read, changed, tried before they are saved, and had again as they were."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_safe

from integrations import roles, targets
from integrations.connections.models import Connection
from integrations.mapping import history, services
from integrations.mapping.functions import FUNCTIONS
from integrations.mapping.models import MappingVersion
from integrations.mapping.overrides import overrides_of
from integrations.mapping.words import differences
from integrations.marketplace import access, facts, words
from integrations.marketplace.faces import here, show, wants_part
from integrations.marketplace.forms import MappingForm
from integrations.provider import Provider, Resource
from integrations.sync.models import RecordLink
from integrations.sync.preview import packed, sample, unpacked

VERSIONS_PER_PAGE = 20
COMPARED_WITH = 100
_AGAIN = "The next sync reads every record again with it."
_FROM_NOW = "It counts from now on: records that are already here stay as they are until they change there."


@require_safe
def mappings(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Which of their fields becomes which of ours, for every resource."""
    found, provider = access.connection_or_404(request, pk)
    tables = [(declared, facts.becomes(declared), facts.rule_rows(found, declared)) for declared in provider.resources]
    context = {
        "connection": found,
        "provider": provider,
        "tables": tables,
        "may_connect": roles.may(request.user, "connect", provider),
    }
    return show(request, "marketplace/mappings.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def mapping(request: HttpRequest, pk: UUID, resource: str) -> HttpResponse:
    """Change how the fields of one resource are taken. The buttons of a table and the preview change the page only."""
    found, provider = access.connection_or_404(request, pk, "connect")
    declared = _resource_or_404(provider, resource)
    form = MappingForm(request.POST if request.method == "POST" else None, connection=found, resource=declared)
    context: dict[str, Any] = {
        "connection": found,
        "provider": provider,
        "resource": declared,
        "form": form,
        "here": _here(found, declared),
        "functions": FUNCTIONS.values(),
        "previewed": False,
    }
    if "more" in request.POST or "less" in request.POST:
        return show(request, "marketplace/mapping.html", context)
    if "preview" in request.POST:
        context |= _preview(request, form)
        if wants_part(request):
            return show(request, "marketplace/_mapping_preview.html", context)
        return show(request, "marketplace/mapping.html", context, status=422 if form.errors else 200)
    if request.method == "POST" and form.is_valid() and form.save(who=_who(request)):
        counts = _AGAIN if form.cleaned_data["reapply"] != "no" else _FROM_NOW
        messages.success(request, f"Field mapping saved. {counts}")
        return redirect(here(request).url("mappings", found.pk))
    return show(request, "marketplace/mapping.html", context, status=422 if form.is_bound else 200)


@require_safe
def versions(request: HttpRequest, pk: UUID, resource: str) -> HttpResponse:
    """Every saved mapping of one resource with what it changed, the newest first."""
    found, provider = access.connection_or_404(request, pk)
    declared = _resource_or_404(provider, resource)
    pages = Paginator(history.versions(found, resource), VERSIONS_PER_PAGE)
    page = pages.get_page(request.GET.get("page"))
    shown = list(page.object_list)
    # One more than is shown, so that the last one has something to be compared with.
    older = history.versions(found, resource).filter(number__lt=shown[-1].number)[:1] if shown else []
    before = [*shown[1:], *older]
    changes = [
        (
            version,
            differences(declared, history.overrides_in(before[i]), history.overrides_in(version))
            if i < len(before)
            else [],
        )
        for i, version in enumerate(shown)
    ]
    context = {
        "connection": found,
        "provider": provider,
        "resource": declared,
        "page": page,
        "changes": changes,
        "newest": pages.count and history.versions(found, resource).values_list("number", flat=True)[0],
        "may_connect": roles.may(request.user, "connect", provider),
    }
    return show(request, "marketplace/mapping_versions.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def version(request: HttpRequest, pk: UUID, resource: str, number: int) -> HttpResponse:
    """One version beside what is in force, and the button that brings it back."""
    found, provider = access.connection_or_404(request, pk, "connect")
    declared = _resource_or_404(provider, resource)
    asked: MappingVersion = get_object_or_404(
        history.versions(found, resource).select_related("connection"), number=number
    )
    refused: list[str] = []
    if request.method == "POST":
        reapply = request.POST.get("reapply") != "no"
        try:
            services.restore(asked, reapply=reapply, who=_who(request))
        except services.MappingRefused as error:
            refused = [f"{field}: {reason}" if field else reason for field, reason in error.reasons.items()]
        else:
            messages.success(request, f"Version {number} is in force again. {_AGAIN if reapply else _FROM_NOW}")
            return redirect(here(request).url("mapping-versions", found.pk, resource))
    others = list(history.versions(found, resource).exclude(pk=asked.pk)[:COMPARED_WITH])
    other = next((one for one in others if str(one.number) == request.GET.get("with")), None)
    beside = history.overrides_in(other) if other else overrides_of(found, resource)
    context = {
        "connection": found,
        "provider": provider,
        "resource": declared,
        "version": asked,
        "others": [one.number for one in others],
        "compared": other and other.number,
        "changes": differences(declared, beside, history.overrides_in(asked)),
        "refused": refused,
        "here": _here(found, declared),
    }
    return show(request, "marketplace/mapping_version.html", context, status=422 if refused else 200)


def _preview(request: HttpRequest, form: MappingForm) -> dict[str, Any]:
    """The records travel with the page, so that trying again asks the vendor nothing."""
    target = targets.get(form.resource.target)
    if not roles.may_touch(request.user, "view", target):
        said = f"Your account may not see {target.model._meta.verbose_name_plural}, so no record can be shown."
        return {"previewed": True, "previews": [], "message": said}
    records, message = unpacked(request.POST.get("sample", "")), ""
    if not records:
        taken = sample(form.connection, form.resource.name)
        records, message = taken.records, taken.message
    previews = form.preview(records) if form.is_valid() and records else []
    form.data["sample"] = packed(records)
    return {"previewed": True, "previews": previews, "message": message, "sampled": bool(form.data["sample"])}


def _resource_or_404(provider: Provider, name: str) -> Resource:
    try:
        return provider.resource(name)
    except KeyError:
        raise Http404("No such resource") from None


def _here(connection: Connection, resource: Resource) -> str:
    """How many records a re-applied mapping is about: `1,240 records`; empty when there is none."""
    count = RecordLink.objects.filter(connection=connection, resource=resource.name).count()
    return words.count(count, "record") if count else ""


def _who(request: HttpRequest) -> str:
    return str(request.user.get_full_name() or request.user.get_username())
