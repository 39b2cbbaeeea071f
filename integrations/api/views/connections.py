"""The connections of a chapter."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api import examples
from integrations.api.addressing import ConnectionView
from integrations.api.openapi import PAGED, operation
from integrations.api.pagination import page_of_rows
from integrations.api.permissions import person, usable_providers
from integrations.api.problems import Problem
from integrations.api.queries import body, query
from integrations.api.serializers.connections import (
    AccountChoiceSerializer,
    AccountsSerializer,
    ConnectionPageSerializer,
    ConnectionSerializer,
    ConnectionStatusSerializer,
    TestResultSerializer,
    show,
)
from integrations.api.view import ApiView
from integrations.connections import services
from integrations.connections.models import Connection, Credential


class ConnectionQuerySerializer(serializers.Serializer):
    provider = serializers.CharField(max_length=40, required=False, help_text="Only those of this integration.")
    status = serializers.ChoiceField(choices=Connection.Status.choices, required=False)


class Connections(ApiView):
    scopes = {"GET": "integrations:read"}

    @operation(
        "List connections",
        "All of them, the disconnected too: their history is kept.",
        tag="Connections",
        parameters=[ConnectionQuerySerializer, *PAGED],
        responses={200: (ConnectionPageSerializer, examples.page(examples.CONNECTION))},
    )
    def get(self, request: Request) -> Response:
        asked = query(ConnectionQuerySerializer, request)
        rows = Connection.objects.filter(provider__in=usable_providers(request), **asked)
        return Response(page_of_rows(request, rows, show))


class OneConnection(ConnectionView):
    scopes = {"GET": "integrations:read"}

    @operation(
        "Show a connection",
        "Everything but its credential.",
        tag="Connections",
        responses={200: (ConnectionSerializer, examples.CONNECTION)},
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        return Response(ConnectionSerializer(self.connection).data)


class Status(ConnectionView):
    scopes = {"GET": "integrations:read"}

    @operation(
        "Show whether it works",
        "As last seen by a sync, a test or a token refresh; the vendor is not asked.",
        tag="Connections",
        responses={200: (ConnectionStatusSerializer, examples.CONNECTION_STATUS)},
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        missing = Credential.objects.filter(connection=self.connection).values_list("missing_scopes", flat=True)
        self.connection.missing_scopes = missing.first() or []  # type: ignore[attr-defined]
        return Response(ConnectionStatusSerializer(self.connection).data)


class Test(ConnectionView):
    scopes = {"POST": "connections:write"}
    asks_the_vendor = True

    @operation(
        "Test a connection",
        "Asks the vendor for something small with the stored credential, now. A refusal is an answer: 200 with `ok` false.",
        tag="Connections",
        responses={200: (TestResultSerializer, examples.TEST_RESULT)},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        return Response(TestResultSerializer(services.test(self.connection)).data)


class Disconnect(ConnectionView):
    scopes = {"DELETE": "connections:write"}

    @operation(
        "Disconnect",
        "The token is revoked at the vendor where it can be, the credential is wiped here, and the history stays.",
        tag="Connections",
        responses={200: (ConnectionSerializer, examples.CONNECTION)},
    )
    def delete(self, request: Request, **kwargs: Any) -> Response:
        services.disconnect(self.connection, user=person(request))
        self.connection.refresh_from_db()
        return Response(ConnectionSerializer(self.connection).data)


class Account(ConnectionView):
    """Which of the vendor's accounts a sign-in opens, and the one that is used."""

    scopes = {"GET": "integrations:read", "PUT": "connections:write"}
    asks_the_vendor = True

    @operation(
        "Show the account it is for",
        "And those the sign-in opens: the vendor is asked. The chosen one is the one that is synced.",
        tag="Connections",
        responses={200: (AccountsSerializer, examples.ACCOUNTS)},
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        found = services.accounts(self.connection)
        return Response(AccountsSerializer({"chosen": self.connection.account_id, "results": found}).data)

    @operation(
        "Choose the account",
        "One of those that the sign-in opens.",
        tag="Connections",
        request=AccountChoiceSerializer,
        sent={"id": examples.CONNECTION["account_id"]},
        responses={200: (ConnectionSerializer, examples.CONNECTION)},
    )
    def put(self, request: Request, **kwargs: Any) -> Response:
        try:
            services.choose_account(self.connection, body(AccountChoiceSerializer, request)["id"])
        except services.ConnectError as refused:
            error = {"pointer": "/id", "detail": str(refused)}
            raise Problem(422, str(refused), kind="not-connected", errors=[error]) from None
        self.connection.refresh_from_db()
        return Response(ConnectionSerializer(self.connection).data)
