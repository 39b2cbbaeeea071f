"""What a vendor delivered to a connection, where to, and what became of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from integrations import targets
from integrations.api import examples
from integrations.api.addressing import ConnectionView
from integrations.api.openapi import PAGED, operation
from integrations.api.pagination import page_of_rows
from integrations.api.permissions import may_touch
from integrations.api.problems import Problem
from integrations.api.queries import body, query
from integrations.api.serializers.inbound import (
    InboundEventDetailSerializer,
    InboundEventPageSerializer,
    InboundEventSerializer,
    InboundQuerySerializer,
    InboundReplayedSerializer,
    InboundReplaySerializer,
    SigningSecretSerializer,
    WebhookAddressSerializer,
)
from integrations.inbound import addresses
from integrations.inbound.models import InboundEvent
from integrations.inbound.replay import Which, replay


class Address(ConnectionView):
    scopes = {"GET": "integrations:read", "PUT": "connections:write"}

    @operation(
        "Show where the vendor delivers to",
        "`url` is null where the provider delivers nothing, or the connection is not connected.",
        tag="Webhooks received",
        responses={200: (WebhookAddressSerializer, examples.WEBHOOK_ADDRESS)},
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        return Response(self._shown())

    @operation(
        "Keep the secret the vendor signs with",
        "It is never shown. The one before is taken for 24 hours more.",
        tag="Webhooks received",
        request=SigningSecretSerializer,
        responses={200: (WebhookAddressSerializer, examples.WEBHOOK_ADDRESS)},
        sent={"secret": "whsec_9f2c51e0b7d84f1e"},
    )
    def put(self, request: Request, **kwargs: Any) -> Response:
        sent = body(SigningSecretSerializer, request)
        shown = self._shown()
        if shown["url"] is None or not shown["signed"] or shown["for_all"]:
            raise Problem(409, "Deliveries of this provider are not known by a secret of the connection's.")
        addresses.keep_secret(self.connection, sent["secret"])
        return Response(self._shown())

    def _shown(self) -> dict[str, Any]:
        found = addresses.of(self.connection)
        shown = {
            "url": found.url.partition("?")[0] if found else None,
            "for_all": bool(found and found.for_all),
            "signed": bool(found and found.signed),
            "ready": bool(found and found.ready),
        }
        return dict(WebhookAddressSerializer(shown).data)


class Events(ConnectionView):
    scopes = {"GET": "integrations:read"}

    @operation(
        "List what was delivered",
        "The newest first. What an event said is only shown one at a time.",
        tag="Webhooks received",
        parameters=[InboundQuerySerializer, *PAGED],
        responses={200: (InboundEventPageSerializer, examples.page(examples.INBOUND_EVENT))},
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        rows = InboundEvent.objects.filter(connection=self.connection, **query(InboundQuerySerializer, request))
        return Response(page_of_rows(request, rows.defer("payload"), _show, newest_first=True))


class Event(ConnectionView):
    scopes = {"GET": "records:read"}

    @operation(
        "Show what was delivered",
        "With the event as it came from the vendor.",
        tag="Webhooks received",
        responses={200: (InboundEventDetailSerializer, examples.INBOUND_EVENT_DETAIL)},
    )
    def get(self, request: Request, *, event_id: UUID, **kwargs: Any) -> Response:
        found = InboundEvent.objects.filter(connection=self.connection, pk=event_id).first()
        if found is None:
            raise Problem(404, "There is no such event of this connection.")
        declared = next((one for one in self.provider.resources if one.name == found.resource), None)
        if declared is not None:
            may_touch(request, targets.get(declared.target), "view")
        return Response(InboundEventDetailSerializer(found).data)


class Replay(ConnectionView):
    scopes = {"POST": "sync:run"}

    @operation(
        "Act on events again",
        "Those named, those since a moment, or all that failed. What they are about is asked of the vendor as it is now.",
        tag="Webhooks received",
        request=InboundReplaySerializer,
        responses={202: (InboundReplayedSerializer, {"replayed": 1})},
        sent={"since": "2026-02-01T00:00:00Z"},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        sent = body(InboundReplaySerializer, request)
        number = replay(self.live_connection(), Which(ids=sent.get("ids"), since=sent.get("since")))
        return Response(InboundReplayedSerializer({"replayed": number}).data, status=202)


def _show(rows: list[InboundEvent]) -> list[Any]:
    return list(InboundEventSerializer(rows, many=True).data)
