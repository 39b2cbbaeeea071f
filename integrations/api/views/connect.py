"""Connecting a chapter to a vendor: with a key that is sent, or by sending a person to sign in there."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api import examples
from integrations.api.addressing import ConnectionView, provider_by_slug
from integrations.api.openapi import operation
from integrations.api.permissions import is_key, may_use, person
from integrations.api.problems import Problem
from integrations.api.queries import body, query
from integrations.api.serializers.connections import (
    AuthorizeQuerySerializer,
    AuthorizeSerializer,
    CallbackQuerySerializer,
    ConnectionSerializer,
    ConnectSerializer,
    ReauthorizeQuerySerializer,
    ReconnectSerializer,
)
from integrations.api.view import ApiView
from integrations.connections import services
from integrations.connections.browser import browser_of, remember
from integrations.connections.models import Connection
from integrations.provider import Provider
from integrations.provider.auth import Auth


class Connect(ApiView):
    scopes = {"POST": "connections:write"}
    asks_the_vendor = True

    @operation(
        "Connect",
        "With a key or password: it is tried at the vendor, sealed, and the new connection is the answer (201). Where one signs"
        " in at the vendor: the address to send the person's browser to (200); this needs a signed-in person.",
        tag="Connections",
        request=ConnectSerializer,
        responses={200: (AuthorizeSerializer, examples.AUTHORIZE), 201: (ConnectionSerializer, examples.CONNECTION)},
        sent={"name": "Card payments", "auth_kind": "api_key", "fields": {"key": "rk_live_..."}},
    )
    def post(self, request: Request, slug: str) -> Response:
        provider = provider_by_slug(slug)
        may_use(request, self, provider)
        asked = body(ConnectSerializer, request)
        auth = _auth(provider, asked.pop("auth_kind", provider.auths[0].kind))
        return _connect(request, provider, auth, **{"name": provider.name, **asked})


class Reconnect(ConnectionView):
    scopes = {"POST": "connections:write"}
    asks_the_vendor = True

    @operation(
        "Connect again",
        "As `connect`, for a connection there is: it keeps its id, name, environment and history.",
        tag="Connections",
        request=ReconnectSerializer,
        responses={200: (AuthorizeSerializer, examples.AUTHORIZE), 201: (ConnectionSerializer, examples.CONNECTION)},
        sent={"fields": {"key": "rk_live_..."}},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        asked = body(ReconnectSerializer, request)
        auth = _auth(self.provider, asked.pop("auth_kind", self.connection.auth_kind))
        return _connect(request, self.provider, auth, **_known(self.connection), **asked)


class AuthorizeUrl(ApiView):
    scopes = {"GET": "connections:write"}

    @operation(
        "Get the address to sign in at",
        "Good for ten minutes, once, in this person's browser. The vendor sends the browser back to the hub's one redirect"
        " address, and the hub sends it to `return_to` here, with"
        " `connection=<id>`.",
        tag="Connections",
        parameters=[AuthorizeQuerySerializer],
        responses={200: (AuthorizeSerializer, examples.AUTHORIZE)},
    )
    def get(self, request: Request, slug: str) -> Response:
        provider = provider_by_slug(slug)
        may_use(request, self, provider)
        asked = query(AuthorizeQuerySerializer, request)
        return _authorize(request, provider, **{"name": provider.name, **asked})


class ReauthorizeUrl(ConnectionView):
    scopes = {"GET": "connections:write"}

    @operation(
        "Get the address to sign in at again",
        "As for a new connection; this one keeps its id, name, environment and history.",
        tag="Connections",
        parameters=[ReauthorizeQuerySerializer],
        responses={200: (AuthorizeSerializer, examples.AUTHORIZE)},
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        asked = query(ReauthorizeQuerySerializer, request)
        return _authorize(request, self.provider, **_known(self.connection), **asked)


class Callback(ApiView):
    scopes = {"GET": "connections:write"}
    asks_the_vendor = True

    @operation(
        "Hand in a vendor's answer",
        "Vendors redirect to the hub's one address (`<PUBLIC_URL>/oauth/callback`), never here. A client of one's own that"
        " received the redirect hands its parameters in, in the session that asked for the address.",
        tag="Connections",
        parameters=[CallbackQuerySerializer],
        responses={200: (ConnectionSerializer, examples.CONNECTION)},
    )
    def get(self, request: Request, slug: str) -> Response:
        provider = provider_by_slug(slug)
        may_use(request, self, provider)
        query(CallbackQuerySerializer, request)
        _needs_a_person(request)
        try:
            connection = services.finish_oauth(
                params=request.query_params.dict(), browser=browser_of(request), user=request.user, provider=slug
            )
        except services.ConnectError as refused:
            raise _refused(refused, "parameter") from None
        return Response(ConnectionSerializer(connection).data)


def _known(connection: Connection) -> dict[str, Any]:
    return {"name": connection.name, "environment": connection.environment, "connection": connection}


def _connect(
    request: Request,
    provider: Provider,
    auth: Auth,
    *,
    fields: dict[str, str],
    write: bool | None,
    **known: Any,
) -> Response:
    if auth.kind == "oauth2":
        known.pop("account_id", None)
        return _authorize(request, provider, write=write, where="pointer", **known)
    try:
        connection = services.connect_with_secret(
            provider=provider.slug, auth_kind=auth.kind, fields=fields, user=person(request), **known
        )
    except services.ConnectError as refused:
        raise _refused(refused, "pointer") from None
    return Response(ConnectionSerializer(connection).data, status=201)


def _authorize(
    request: Request, provider: Provider, *, return_to: str = "/marketplace/", where: str = "parameter", **known: Any
) -> Response:
    """The vendor's address, and the cookie by which this browser is known when it comes back."""
    _needs_a_person(request)
    browser = browser_of(request)
    try:
        address = services.begin_oauth(
            provider=provider.slug, user=request.user, browser=browser, return_to=return_to, **known
        )
    except services.ConnectError as refused:
        raise _refused(refused, where) from None
    response = Response({"authorize_url": address})
    remember(response, request, browser)
    return response


def _needs_a_person(request: Request) -> None:
    """A key has no browser to tie the sign-in to, so nobody could be sure whose account it connects."""
    if is_key(request):
        raise Problem(
            403,
            "Signing in at a vendor takes a person's browser: ask while signed in to the chapter, not with an API key.",
            kind="person-needed",
        )


def _auth(provider: Provider, kind: str) -> Auth:
    try:
        return provider.auth_of(kind)
    except KeyError:
        kinds = ", ".join(auth.kind for auth in provider.auths)
        error = {"pointer": "/auth_kind", "detail": f"{provider.name} knows: {kinds}."}
        raise Problem(400, "The request is not valid.", kind="invalid", errors=[error]) from None


def _refused(refused: services.ConnectError, where: str) -> Problem:
    """What the service or the vendor said, beside what it is about."""
    errors = [{where: _place(name, where), "detail": said} for name, said in refused.fields.items()]
    return Problem(422, str(refused), kind="not-connected", errors=errors)


def _place(name: str, where: str) -> str:
    if where == "parameter":
        return name
    return f"/{name}" if name in {"name", "environment", "account_id"} else f"/fields/{name}"
