"""Connecting a chapter to a vendor: with a key that is sent, or by sending a person to sign in there."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

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
from integrations.connections import services
from integrations.connections.models import Connection
from integrations.provider import Provider
from integrations.provider.auth import Auth

_AUTHORIZE = {"authorize_url": "https://login.xero.com/identity/connect/authorize?response_type=code&state=..."}
_TAKEN = "Another connection already has this name. Choose a different one, or connect that one again."


class Connect(APIView):
    scopes = {"POST": "connections:write"}
    asks_the_vendor = True

    @operation(
        "Connect",
        "With a key or password: it is tried at the vendor, sealed, and the new connection is the answer (201). Where one signs"
        " in at the vendor: the address to send the person's browser to (200); this needs a signed-in person.",
        tag="Connections",
        request=ConnectSerializer,
        responses={200: AuthorizeSerializer, 201: ConnectionSerializer},
        sent={"name": "Card payments", "auth_kind": "api_key", "fields": {"key": "rk_live_..."}},
        example=_AUTHORIZE,
    )
    def post(self, request: Request, slug: str) -> Response:
        provider = provider_by_slug(slug)
        may_use(request, self, provider)
        asked = body(ConnectSerializer, request)
        auth = _auth(provider, asked.get("auth_kind") or provider.auths[0].kind)
        name = _free_name(provider, asked.get("name") or provider.name)
        if auth.kind == "oauth2":
            return _authorize(request, provider, name=name, environment=asked["environment"])
        return _connect(
            request,
            provider=provider,
            auth=auth,
            name=name,
            fields=asked["fields"],
            environment=asked["environment"],
            account_id=asked["account_id"],
        )


class Reconnect(ConnectionView):
    scopes = {"POST": "connections:write"}
    asks_the_vendor = True

    @operation(
        "Connect again",
        "As `connect`, for a connection there is: it keeps its id, name, environment and history.",
        tag="Connections",
        request=ReconnectSerializer,
        responses={200: AuthorizeSerializer, 201: ConnectionSerializer},
        sent={"fields": {"key": "rk_live_..."}},
        example=_AUTHORIZE,
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        asked = body(ReconnectSerializer, request)
        connection = self.connection
        auth = _auth(self.provider, asked.get("auth_kind") or connection.auth_kind)
        known = {"name": connection.name, "environment": connection.environment, "connection": connection}
        if auth.kind == "oauth2":
            return _authorize(request, self.provider, **known)
        return _connect(
            request,
            provider=self.provider,
            auth=auth,
            fields=asked["fields"],
            account_id=connection.account_id,
            **known,
        )


class AuthorizeUrl(APIView):
    scopes = {"GET": "connections:write"}

    @operation(
        "Get the address to sign in at",
        "Good for ten minutes, once, in this person's browser. The vendor sends the browser back to the hub's one redirect"
        " address, and the hub sends it to `return_to` here.",
        tag="Connections",
        parameters=[AuthorizeQuerySerializer],
        responses={200: AuthorizeSerializer},
        example=_AUTHORIZE,
    )
    def get(self, request: Request, slug: str) -> Response:
        provider = provider_by_slug(slug)
        may_use(request, self, provider)
        asked = query(AuthorizeQuerySerializer, request)
        name = _free_name(provider, asked.get("name") or provider.name, where="parameter")
        return _authorize(request, provider, name=name, environment=asked["environment"], return_to=asked["return_to"])


class ReauthorizeUrl(ConnectionView):
    scopes = {"GET": "connections:write"}

    @operation(
        "Get the address to sign in at again",
        "As for a new connection; this one keeps its id, name, environment and history.",
        tag="Connections",
        parameters=[ReauthorizeQuerySerializer],
        responses={200: AuthorizeSerializer},
        example=_AUTHORIZE,
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        asked = query(ReauthorizeQuerySerializer, request)
        return _authorize(
            request,
            self.provider,
            name=self.connection.name,
            environment=self.connection.environment,
            connection=self.connection,
            return_to=asked["return_to"],
        )


class Callback(APIView):
    scopes = {"GET": "connections:write"}
    asks_the_vendor = True

    @operation(
        "Hand in a vendor's answer",
        "Vendors redirect to the hub's one address (`<PUBLIC_URL>/oauth/callback`), never here. A client of one's own that"
        " received the redirect hands its parameters in, in the session that asked for the address.",
        tag="Connections",
        parameters=[CallbackQuerySerializer],
        responses={200: ConnectionSerializer},
    )
    def get(self, request: Request, slug: str) -> Response:
        provider = provider_by_slug(slug)
        may_use(request, self, provider)
        query(CallbackQuerySerializer, request)
        params = request.query_params.dict()
        try:
            connection = services.finish_oauth(params=params, browser=_browser(request))
        except services.ConnectError as refused:
            raise _refused(refused) from None
        return Response(ConnectionSerializer(connection).data)


def _connect(
    request: Request, *, provider: Provider, auth: Auth, fields: dict[str, str], name: str, **known: Any
) -> Response:
    declared = {field["name"] for field in services.credential_fields(provider, auth.kind)}
    wrong = [
        *(
            {"pointer": f"/fields/{name}", "detail": "There is no such field."}
            for name in sorted(set(fields) - declared)
        ),
        *({"pointer": f"/fields/{name}", "detail": "This is required."} for name in sorted(declared - set(fields))),
    ]
    if wrong:
        raise Problem(400, "The request is not valid.", kind="invalid", errors=wrong)
    try:
        connection = services.connect_with_secret(
            provider=provider.slug, name=name, auth_kind=auth.kind, fields=fields, user=person(request), **known
        )
    except services.ConnectError as refused:
        raise _refused(refused) from None
    except IntegrityError:  # the same request, sent twice at once
        raise _invalid("/name", _TAKEN) from None
    return Response(ConnectionSerializer(connection).data, status=201)


def _authorize(request: Request, provider: Provider, *, return_to: str = "/marketplace/", **known: Any) -> Response:
    if not any(auth.kind == "oauth2" for auth in provider.auths):
        raise Problem(409, f"One does not sign in at {provider.name}: connect with a key.", kind="no-sign-in")
    address = services.begin_oauth(
        provider=provider.slug, user=person(request), browser=_browser(request), return_to=return_to, **known
    )
    return Response({"authorize_url": address})


def _browser(request: Request) -> str:
    """What ties the sign-in to this person's browser. A key has none, so nobody could be sure whose account it connects."""
    if is_key(request):
        raise Problem(
            403,
            "Signing in at a vendor takes a person's browser: ask while signed in to the chapter, not with an API key.",
            kind="person-needed",
        )
    return str(request.session.session_key or "")  # type: ignore[attr-defined]


def _auth(provider: Provider, kind: str) -> Auth:
    try:
        return provider.auth_of(kind)
    except KeyError:
        kinds = ", ".join(auth.kind for auth in provider.auths)
        raise _invalid("/auth_kind", f"{provider.name} knows: {kinds}.") from None


def _free_name(provider: Provider, name: str, where: str = "pointer") -> str:
    if Connection.objects.filter(provider=provider.slug, name=name).exists():
        raise _invalid("/name" if where == "pointer" else "name", _TAKEN, where)
    return name


def _refused(refused: services.ConnectError) -> Problem:
    """What the service or the vendor said, beside the field it is about."""
    errors = [{"pointer": f"/fields/{name}", "detail": said} for name, said in refused.fields.items()]
    return Problem(422, str(refused), kind="not-accepted", errors=errors)


def _invalid(place: str, detail: str, where: str = "pointer") -> Problem:
    return Problem(400, "The request is not valid.", kind="invalid", errors=[{where: place, "detail": detail}])
