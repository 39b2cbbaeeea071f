"""Webhooks: where events are sent, how that goes, and sending again."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from integrations import roles
from integrations.marketplace import webhook_states as states
from integrations.marketplace import words
from integrations.marketplace.faces import here, show
from integrations.marketplace.forms.webhook import EndpointForm, ReplayForm
from integrations.outbound import overview, replay, services
from integrations.outbound.models import Delivery, Endpoint, EndpointSecret
from integrations.outbound.services import EndpointError

PER_PAGE = 50


@require_safe
def webhooks(request: HttpRequest) -> HttpResponse:
    _require(request, "see_webhooks")
    rows = [states.Row.of(one) for one in overview.health(list(Endpoint.objects.order_by("pk")))]
    return show(request, "marketplace/webhooks.html", {"rows": rows, "may_set": _may_set(request)})


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Its secret is on the page that answers, and on no other."""
    _require(request, "set_webhooks")
    form = EndpointForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = services.create(**form.cleaned_data, user=request.user)
        except EndpointError as refused:
            _mark(form, refused)
        else:
            return _secret_page(request, made, secret, made_now=True)
    context = {"form": form, "endpoint": None}
    return show(request, "marketplace/webhook_edit.html", context, status=422 if form.is_bound else 200)


@require_safe
def webhook(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """How it is doing, and its deliveries: the newest first, or those of one state."""
    found = _endpoint(request, endpoint_id, "see_webhooks")
    state = request.GET.get("state", "")
    rows = Delivery.objects.select_related("event").defer("event__body").filter(endpoint=found)
    if state in Delivery.State.values:
        rows = rows.filter(state=state)
    if before := _uuid(request.GET.get("before", "")):
        rows = rows.filter(pk__lt=before)
    deliveries = list(rows.order_by("-pk")[: PER_PAGE + 1])
    context = {
        "endpoint": found,
        "row": states.Row.of(overview.health([found])[0]),
        "deliveries": [(one, states.delivery_state(one)) for one in deliveries[:PER_PAGE]],
        "following": deliveries[PER_PAGE - 1].pk if len(deliveries) > PER_PAGE else None,
        "begins": before is None,
        "state": state if state in Delivery.State.values else "",
        "choices": Delivery.State.choices,
        "secrets": EndpointSecret.objects.filter(endpoint=found).exclude(expires_at=None).order_by("-expires_at")[:1],
        "replay_form": ReplayForm(),
        "may_set": _may_set(request),
    }
    return show(request, "marketplace/webhook.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    found = _endpoint(request, endpoint_id)
    form = EndpointForm(request.POST if request.method == "POST" else None, endpoint=found)
    if request.method == "POST" and form.is_valid():
        try:
            services.change(found, **form.cleaned_data)
        except EndpointError as refused:
            _mark(form, refused)
        else:
            messages.success(request, "Saved.")
            return redirect(here(request).url("webhook", found.pk))
    context = {"form": form, "endpoint": found}
    return show(request, "marketplace/webhook_edit.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def rotate(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    found = _endpoint(request, endpoint_id)
    if request.method == "POST":
        return _secret_page(request, found, services.rotate(found), made_now=False)
    return show(request, "marketplace/webhook_rotate.html", {"endpoint": found})


@require_POST
def test(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    found = _endpoint(request, endpoint_id)
    try:
        made = services.send_test(found)
    except EndpointError as refused:
        messages.error(request, str(refused))
        return redirect(here(request).url("webhook", found.pk))
    return redirect(here(request).url("delivery", found.pk, made.pk))


@require_POST
def enable(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    found = _endpoint(request, endpoint_id)
    services.change(found, enabled=True)
    messages.success(request, "Enabled. What it missed is only sent when you ask for it below.")
    return redirect(here(request).url("webhook", found.pk))


@require_http_methods(["GET", "HEAD", "POST"])
def disable(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    found = _endpoint(request, endpoint_id)
    if request.method == "POST":
        services.change(found, enabled=False)
        messages.success(request, "Disabled. Nothing is sent there any more.")
        return redirect(here(request).url("webhook", found.pk))
    waiting = Delivery.objects.filter(endpoint=found, state=Delivery.State.WAITING).count()
    return show(request, "marketplace/webhook_disable.html", {"endpoint": found, "waiting": waiting})


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    found = _endpoint(request, endpoint_id)
    if request.method == "POST":
        services.delete(found)
        messages.success(request, f"Deleted: {found}.")
        return redirect(here(request).url("webhooks"))
    number = Delivery.objects.filter(endpoint=found).count()
    return show(request, "marketplace/webhook_delete.html", {"endpoint": found, "number": number})


@require_http_methods(["GET", "HEAD", "POST"])
def send_again(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """Says how many it would be, and asks."""
    found = _endpoint(request, endpoint_id)
    form = ReplayForm(request.POST if request.method == "POST" else request.GET or None)
    if request.method == "POST" and form.is_valid():
        try:
            number = replay.replay(found, form.chosen())
        except EndpointError as refused:
            messages.error(request, str(refused))
        else:
            messages.success(
                request, f"{words.count(number, 'delivery', 'deliveries')} sent again, one after the other."
            )
        return redirect(here(request).url("webhook", found.pk))
    context = {
        "endpoint": found,
        "form": form,
        "number": replay.count(found, form.chosen()) if form.is_valid() else None,
        "which": replay.KINDS.get(form.data.get("which", ""), ""),
    }
    return show(request, "marketplace/webhook_replay.html", context, status=422 if form.errors else 200)


@require_safe
def delivery(request: HttpRequest, endpoint_id: UUID, delivery_id: UUID) -> HttpResponse:
    """One delivery with its attempts, and what is sent. It follows while the delivery waits."""
    found = _endpoint(request, endpoint_id, "see_webhooks")
    row = get_object_or_404(Delivery.objects.select_related("event"), endpoint=found, pk=delivery_id)
    context = {
        "endpoint": found,
        "delivery": row,
        "delivery_state": states.delivery_state(row),
        "attempts": row.attempts.order_by("-pk")[:PER_PAGE],
        "soon": states.is_soon(row),
        "body": states.indented(row.event.body),
        "may_set": _may_set(request),
    }
    return show(request, "marketplace/delivery.html", context)


@require_POST
def delivery_again(request: HttpRequest, endpoint_id: UUID, delivery_id: UUID) -> HttpResponse:
    found = _endpoint(request, endpoint_id)
    row = get_object_or_404(Delivery.objects.select_related("endpoint"), endpoint=found, pk=delivery_id)
    try:
        replay.replay_one(row)
    except EndpointError as refused:
        messages.error(request, str(refused))
    return redirect(here(request).url("delivery", found.pk, row.pk))


def _endpoint(request: HttpRequest, pk: UUID, act: str = "set_webhooks") -> Endpoint:
    found = get_object_or_404(Endpoint, pk=pk)
    _require(request, act)
    return found


def _require(request: HttpRequest, act: str) -> None:
    if not request.user.has_perm(roles.ACTS[act]):  # type: ignore[union-attr]
        doing = "change" if act == "set_webhooks" else "see"
        wanted = " or ".join(role for role, names in roles.ROLES.items() if roles.ACTS[act] in names)
        raise PermissionDenied(f"Your account may not {doing} webhooks. It needs the role {wanted}.")


def _may_set(request: HttpRequest) -> bool:
    return bool(request.user.has_perm(roles.ACTS["set_webhooks"]))  # type: ignore[union-attr]


def _secret_page(request: HttpRequest, endpoint: Endpoint, secret: str, *, made_now: bool) -> HttpResponse:
    """Answered at once: a message would keep the secret in a cookie."""
    context = {"endpoint": endpoint, "secret": secret, "made_now": made_now}
    response = show(request, "marketplace/webhook_secret.html", context)
    add_never_cache_headers(response)
    return response


def _mark(form: EndpointForm, refused: EndpointError) -> None:
    names = {"events": "patterns", "filter": "narrowed"}
    form.add_error(names.get(refused.field, refused.field) or None, str(refused))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
