"""What both sides changed differently, and a person's decision about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from integrations import roles
from integrations.changes import origins
from integrations.conflicts import resolve
from integrations.conflicts.models import Conflict
from integrations.conflicts.resolve import Decided
from integrations.conflicts.shown import field_label, seen_by, shown, typed
from integrations.ids import id_of
from integrations.marketplace import access, words
from integrations.marketplace.faces import here, show

PER_PAGE = 25
MOST_REFUSALS = 5
SIDES = (Conflict.Resolution.OURS.value, Conflict.Resolution.THEIRS.value)
OPEN = Conflict.State.OPEN


@dataclass(frozen=True, kw_only=True)
class Filter:
    """What is listed: one kind of record, one field, and what is open or what was decided."""

    resource: str = ""
    field: str = ""
    decided: bool = False

    @classmethod
    def read(cls, sent: QueryDict) -> Filter:
        return cls(
            resource=sent.get("resource", "")[:60],
            field=sent.get("field", "")[:100],
            decided=sent.get("show") == "decided",
        )

    def of(self, rows: QuerySet[Conflict]) -> QuerySet[Conflict]:
        if self.resource:
            rows = rows.filter(resource=self.resource)
        if self.field:
            rows = rows.filter(field=self.field)
        return rows.exclude(state=OPEN).order_by("-resolved_at", "-pk") if self.decided else rows.filter(state=OPEN)


@require_safe
def conflicts(request: HttpRequest, pk: UUID | None = None) -> HttpResponse:
    """Of a connection, or of the whole chapter."""
    context, rows = _where(request, pk)
    chosen = Filter.read(request.GET)
    page = Paginator(chosen.of(rows).select_related("connection"), PER_PAGE).get_page(request.GET.get("page"))
    pairs = rows.filter(state=OPEN).order_by().values_list("resource", "field").distinct()
    kinds, fields = ({one[index] for one in pairs} for index in range(2))
    kept = request.GET.copy()
    kept.pop("page", None)
    context |= {
        "page": page,
        "shown": shown(list(page.object_list), roles.usable_providers(request.user)),
        "chosen": chosen,
        "kinds": sorted(kinds),
        "fields": sorted(fields),
        "query": kept.urlencode(),
        "now": timezone.now().isoformat(),
        "may_decide": not chosen.decided and request.user.has_perm(roles.ACTS["sync"]),
    }
    return show(request, "marketplace/conflicts.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def conflict(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Both sides beside each other; decided here, or taken back."""
    found = get_object_or_404(Conflict.objects.select_related("connection"), pk=pk)
    _, provider = access.connection_or_404(request, found.connection_id)
    if not seen_by(request.user).filter(pk=pk).exists():
        raise PermissionDenied("Your account may not see records of this kind.")
    problem = ""
    if request.method == "POST":
        access.require(request.user, "sync", provider)
        problem = _decide_one(request, found)
        if not problem:
            return redirect(here(request).url("conflict", found.pk))
        found.refresh_from_db()
    (one,) = shown([found], roles.usable_providers(request.user))
    context = {
        "one": one,
        "connection": found.connection,
        "provider": provider,
        "problem": problem,
        "typed": request.POST.get("value", one.typed),
        "may_decide": roles.may(request.user, "sync", provider) and not one.gone,
    }
    return show(request, "marketplace/conflict.html", context, status=422 if problem else 200)


@require_POST
def decide(request: HttpRequest, pk: UUID | None = None) -> HttpResponse:
    """Those selected, or all that were listed, for one side. Asks once more, with their number, before anything is written."""
    context, rows = _where(request, pk)
    if not request.user.has_perm(roles.ACTS["sync"]):
        raise PermissionDenied("Your account may not decide conflicts. It needs a role that may sync.")
    allowed = seen_by(request.user, "sync").filter(pk__in=rows.values("pk"))
    side, chosen = request.POST.get("side", ""), Filter.read(request.POST)
    as_of = _moment(request.POST.get("as_of", ""))
    seen = _seen(request.POST.getlist("seen"))
    everything = "all" in request.POST
    back = redirect(context["list"])
    if side not in SIDES or as_of is None or not (seen or everything):
        messages.error(request, "Choose at least one conflict, and a side.")
        return back
    wanted = chosen.of(allowed) if everything else allowed.filter(pk__in=seen, state=OPEN)
    if "confirmed" not in request.POST:
        context |= {
            "side": side,
            "count": wanted.filter(created_at__lte=as_of).count(),
            "chosen": chosen,
            "everything": everything,
            "seen": request.POST.getlist("seen"),
            "as_of": request.POST["as_of"],
        }
        return show(request, "marketplace/decide.html", context)
    origin = origins.of_user(request.user)
    if everything:
        _say(request, resolve.resolve_all(wanted.order_by(), as_of, side, origin=origin))
    else:
        _say(request, resolve.resolve_seen(wanted, seen, side, origin=origin))
    return back


def _where(request: HttpRequest, pk: UUID | None) -> tuple[dict[str, Any], QuerySet[Conflict]]:
    rows, url = seen_by(request.user), here(request).url
    if pk is None:
        access.require_any_role(request.user)
        context = {"connection": None, "provider": None, "list": url("all_conflicts"), "decide": url("decide_all")}
        return context, rows
    connection, provider = access.connection_or_404(request, pk)
    context = {
        "connection": connection,
        "provider": provider,
        "list": url("conflicts", pk),
        "decide": url("decide", pk),
    }
    return context, rows.filter(connection=connection)


def _decide_one(request: HttpRequest, found: Conflict) -> str:
    """What was asked for, done; or the sentence why not."""
    origin, side = origins.of_user(request.user), request.POST.get("side", "")
    if side == "undo":
        try:
            resolve.reopen(found, origin=origin)
        except resolve.CannotUndo as refused:
            return str(refused)
        messages.success(request, "The decision is taken back: the conflict is open again.")
        return ""
    if side not in Conflict.Resolution.values:
        raise PermissionDenied("Choose a side.")
    try:
        value = typed(found, request.POST.get("value", "")) if side == Conflict.Resolution.VALUE else None
    except ValueError as error:
        return str(error)
    mine = Conflict.objects.filter(pk=found.pk)
    decided = resolve.resolve_seen(mine, {found.pk: request.POST.get("stamp", "")}, side, origin=origin, value=value)
    if decided.refused:
        return decided.refused[0].why
    messages.success(request, _DONE[side] if decided.resolved else "This conflict was settled already.")
    return ""


_DONE = {
    "ours": "Our value stays. Where the connection also sends, it goes out with the next sync.",
    "theirs": "Their value is written here.",
    "value": "Your value is written here. Where the connection also sends, it goes out with the next sync.",
}


def _say(request: HttpRequest, decided: Decided) -> None:
    if decided.resolved:
        messages.success(request, f"{words.count(len(decided.resolved), 'conflict')} decided.")
    for one in decided.refused[:MOST_REFUSALS]:
        messages.warning(request, f"{field_label(one.conflict)}: {one.why}")
    if (more := len(decided.refused) - MOST_REFUSALS) > 0:
        messages.warning(request, f"{words.count(more, 'more conflict')} could not be decided and stay open.")
    if not decided.resolved and not decided.refused:
        messages.info(request, "Nothing was left to decide.")


def _seen(sent: list[str]) -> dict[UUID, str]:
    """`<id>:<stamp>` of each that was selected; what is none is left out."""
    pairs = (one.partition(":") for one in sent)
    return {pk: stamp for text, _, stamp in pairs if (pk := id_of(text))}


def _moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found and found.tzinfo else None
