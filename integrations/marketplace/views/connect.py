"""Connecting: by a key that is pasted, or by signing in at the vendor; choosing the account; connecting again."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from integrations.connections import services
from integrations.connections.browser import browser_of, remember
from integrations.connections.errors import ConnectError
from integrations.connections.models import Connection, Credential
from integrations.marketplace import access, words
from integrations.marketplace.faces import here, show
from integrations.marketplace.forms import AccountForm, ConnectForm
from integrations.provider import Provider, ProviderError
from integrations.provider.auth import Auth


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def connect(request: HttpRequest, slug: str) -> HttpResponse:
    provider = access.provider_or_404(slug)
    access.require(request.user, "connect", provider)
    return _connect(request, provider, None)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def reconnect(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The same connection with a fresh credential: everything it has read and linked stays."""
    connection, provider = access.connection_or_404(request, pk, "connect")
    return _connect(request, provider, connection)


@require_safe
def arrived(request: HttpRequest, slug: str) -> HttpResponse:
    """Back from the vendor, signed in: on to the connection, which had no address of its own when the person left."""
    provider = access.provider_or_404(slug)
    access.require(request.user, "connect", provider)
    try:
        pk = UUID(request.GET.get("connection", ""))
    except ValueError:
        raise Http404("No such connection") from None
    return _connected(request, get_object_or_404(Connection, provider=slug, pk=pk))


@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Which of the vendor's accounts the connection is for."""
    connection, provider = access.connection_or_404(request, pk, "connect")
    try:
        accounts = services.accounts(connection)
    except ProviderError as error:
        return _account_page(request, provider, connection, None, str(error))
    form = AccountForm(_sent(request), accounts=accounts, initial={"account": connection.account_id})
    if request.method == "POST" and form.is_valid():
        try:
            return _connected(request, services.choose_account(connection, form.cleaned_data["account"]))
        except ConnectError as error:
            form.add_error("account", str(error))
    return _account_page(request, provider, connection, form)


def needs_account(connection: Connection) -> bool:
    """Signed in, but the vendor has several accounts and none was chosen yet."""
    waits = connection.status == Connection.Status.DISCONNECTED and not connection.account_id
    return waits and Credential.objects.filter(pk=connection.pk, secret__isnull=False).exists()


def _connect(request: HttpRequest, provider: Provider, connection: Connection | None) -> HttpResponse:
    auth = _chosen_auth(request, provider, connection)
    form = ConnectForm(_sent(request), provider=provider, auth=auth, connection=connection)
    if request.method == "POST" and form.is_valid():
        answer = _leave_for(request, form) if auth.kind == "oauth2" else _connect_with(request, form)
        if answer is not None:
            return answer
    return show(
        request,
        "marketplace/connect.html",
        {
            "provider": provider,
            "connection": connection,
            "auth": auth,
            "form": form,
            "ways": [(other.kind, words.sign_in(other, provider), other == auth) for other in provider.auths],
            "scopes": getattr(auth, "scopes", ()),
        },
        status=422 if form.is_bound and form.errors else 200,
    )


def _chosen_auth(request: HttpRequest, provider: Provider, connection: Connection | None) -> Auth:
    """The way asked for, else the one the connection was made with, else the provider's first."""
    kinds = {auth.kind: auth for auth in provider.auths}
    asked = request.POST.get("how") or request.GET.get("how") or (connection.auth_kind if connection else "")
    return kinds.get(asked, provider.auths[0])


def _sent(request: HttpRequest) -> QueryDict | None:
    """What was sent, also when every field was left empty."""
    return request.POST if request.method == "POST" else None


def _connect_with(request: HttpRequest, form: ConnectForm) -> HttpResponse | None:
    """None when it was refused: the form then says why."""
    try:
        made = services.connect_with_secret(
            provider=form.provider.slug,
            name=form.chosen_name,
            auth_kind=form.auth.kind,
            fields=form.credential,
            environment=form.chosen_environment,
            user=request.user,
            connection=form.connection,
            plan_first=form.plans_first,
        )
    except ConnectError as error:
        form.refuse(str(error), error.fields)
    else:
        return _connected(request, made)
    return None


def _leave_for(request: HttpRequest, form: ConnectForm) -> HttpResponse | None:
    """A page that leads on to the vendor by itself, not a redirect: browsers hold every address that a form's answer
    redirects to against `form-action`, and which addresses a vendor's sign-in passes through is not ours to know.

    None when it was refused: the form then says why.
    """
    browser = browser_of(request)
    try:
        address = services.begin_oauth(
            provider=form.provider.slug,
            name=form.chosen_name,
            environment=form.chosen_environment,
            user=request.user,
            browser=browser,
            return_to=here(request).url("arrived", form.provider.slug),
            connection=form.connection,
            plan_first=form.plans_first,
        )
    except ConnectError as error:
        form.refuse(str(error), error.fields)
        return None
    response = show(request, "marketplace/leaving.html", {"provider": form.provider, "address": address})
    remember(response, request, browser)
    return response


def _connected(request: HttpRequest, connection: Connection) -> HttpResponse:
    face = here(request)
    if needs_account(connection):
        return redirect(face.url("account", connection.pk))
    if connection.status == Connection.Status.CONNECTED:
        named = f" to {connection.account_name}" if connection.account_name else ""
        begun = "Its first sync is being planned." if connection.plan_first else "A first sync has begun."
        messages.success(request, f"“{connection.name}” is connected{named}. {begun}")
    return redirect(face.url("connection", connection.pk))


def _account_page(
    request: HttpRequest, provider: Provider, connection: Connection, form: AccountForm | None, problem: str = ""
) -> HttpResponse:
    context = {"provider": provider, "connection": connection, "form": form, "problem": problem}
    wrong = form is not None and form.is_bound and form.errors
    return show(request, "marketplace/account.html", context, status=502 if problem else 422 if wrong else 200)
