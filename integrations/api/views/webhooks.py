"""Webhooks: where a chapter's events are sent, and what became of each."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api import examples
from integrations.api.openapi import PAGED, operation
from integrations.api.pagination import page_of_rows
from integrations.api.permissions import person
from integrations.api.problems import Problem
from integrations.api.queries import body, query
from integrations.api.serializers.webhooks import (
    DeliveryPageSerializer,
    DeliveryQuerySerializer,
    DeliverySerializer,
    DeliveryWithAttemptsSerializer,
    EventTypeListSerializer,
    NewWebhookSerializer,
    ReplayedSerializer,
    ReplaySerializer,
    SecretSerializer,
    WebhookChangeSerializer,
    WebhookPageSerializer,
    WebhookSerializer,
    WebhookWithSecretSerializer,
)
from integrations.api.view import ApiView
from integrations.outbound import catalogue, replay, services
from integrations.outbound.models import Delivery, Endpoint
from integrations.outbound.replay import Which
from integrations.outbound.services import EndpointError

TAG = "Webhooks"
_NAMES = {"events": "patterns", "filter": "narrowed"}


class EventTypes(ApiView):
    scopes = {"GET": "webhooks:read"}

    @operation(
        "List the types of event",
        "Each with the JSON Schema of what its `data` holds.",
        tag=TAG,
        responses={200: (EventTypeListSerializer, {"results": [examples.EVENT_TYPE]})},
    )
    def get(self, request: Request) -> Response:
        return Response(EventTypeListSerializer({"results": catalogue.all_types().values()}).data)


class Webhooks(ApiView):
    scopes = {"GET": "webhooks:read", "POST": "webhooks:write"}

    @operation(
        "List webhooks",
        "Without their secrets.",
        tag=TAG,
        parameters=[*PAGED],
        responses={200: (WebhookPageSerializer, examples.page(examples.WEBHOOK))},
    )
    def get(self, request: Request) -> Response:
        return Response(page_of_rows(request, Endpoint.objects.all(), _shown))

    @operation(
        "Make a webhook",
        "Also what an automation platform subscribes with. Deliveries are signed as Standard Webhooks say, with the `secret` of"
        " the answer.",
        tag=TAG,
        request=NewWebhookSerializer,
        responses={
            201: (WebhookWithSecretSerializer, {**examples.WEBHOOK, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
        },
        sent={"url": examples.WEBHOOK["url"], "events": ["member.*", "invoice.paid"]},
    )
    def post(self, request: Request) -> Response:
        sent = body(NewWebhookSerializer, request)
        try:
            made, secret = services.create(**_named(sent), user=person(request))
        except EndpointError as refused:
            raise _problem(refused) from None
        return Response({**WebhookSerializer(made).data, "secret": secret}, status=201)


class EndpointView(ApiView):
    """Of one webhook of this chapter."""

    def endpoint(self, endpoint_id: UUID) -> Endpoint:
        found = Endpoint.objects.filter(pk=endpoint_id).first()
        if found is None:
            raise Problem(404, "There is no such webhook.")
        return found

    def delivery(self, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
        rows = Delivery.objects.select_related("endpoint", "event").filter(endpoint_id=endpoint_id, pk=delivery_id)
        found = rows.prefetch_related("attempts").first()
        if found is None:
            raise Problem(404, "There is no such delivery to this webhook.")
        return found


class Webhook(EndpointView):
    scopes = {"GET": "webhooks:read", "PATCH": "webhooks:write", "DELETE": "webhooks:write"}

    @operation("Show a webhook", "Without its secret.", tag=TAG, responses={200: (WebhookSerializer, examples.WEBHOOK)})
    def get(self, request: Request, *, endpoint_id: UUID) -> Response:
        return Response(WebhookSerializer(self.endpoint(endpoint_id)).data)

    @operation(
        "Change a webhook",
        "What is named. Enabling it again sends nothing that it missed: see replay.",
        tag=TAG,
        request=WebhookChangeSerializer,
        responses={200: (WebhookSerializer, examples.WEBHOOK)},
        sent={"events": ["member.created"], "enabled": True},
    )
    def patch(self, request: Request, *, endpoint_id: UUID) -> Response:
        found = self.endpoint(endpoint_id)
        try:
            services.change(found, **_named(body(WebhookChangeSerializer, request)))
        except EndpointError as refused:
            raise _problem(refused) from None
        return Response(WebhookSerializer(found).data)

    @operation(
        "Delete a webhook",
        "With its deliveries and attempts: what an automation platform unsubscribes with.",
        tag=TAG,
        responses={204: (None, None)},
    )
    def delete(self, request: Request, *, endpoint_id: UUID) -> Response:
        services.delete(self.endpoint(endpoint_id))
        return Response(status=204)


class Rotate(EndpointView):
    scopes = {"POST": "webhooks:write"}

    @operation(
        "Rotate the secret",
        "For 24 hours every delivery carries two signatures, so that the receiver can change over in peace.",
        tag=TAG,
        responses={
            200: (
                SecretSerializer,
                {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "older_until": "2026-02-02T03:00:00Z"},
            )
        },
    )
    def post(self, request: Request, *, endpoint_id: UUID) -> Response:
        secret = services.rotate(self.endpoint(endpoint_id))
        return Response(SecretSerializer({"secret": secret, "older_until": timezone.now() + services.OVERLAP}).data)


class Test(EndpointView):
    scopes = {"POST": "webhooks:write"}

    @operation(
        "Send a test event",
        "`webhook.test`, to this webhook alone, whatever it asks for.",
        tag=TAG,
        responses={202: (DeliverySerializer, {**examples.DELIVERY, "type": "webhook.test"})},
    )
    def post(self, request: Request, *, endpoint_id: UUID) -> Response:
        try:
            made = services.send_test(self.endpoint(endpoint_id))
        except EndpointError as refused:
            raise _problem(refused) from None
        return Response(DeliverySerializer(made).data, status=202)


class Deliveries(EndpointView):
    scopes = {"GET": "webhooks:read"}

    @operation(
        "List deliveries",
        "The newest first. What was sent is not repeated here.",
        tag=TAG,
        parameters=[DeliveryQuerySerializer, *PAGED],
        responses={200: (DeliveryPageSerializer, examples.page(examples.DELIVERY))},
    )
    def get(self, request: Request, *, endpoint_id: UUID) -> Response:
        asked = query(DeliveryQuerySerializer, request)
        rows = Delivery.objects.select_related("event").defer("event__body")
        rows = rows.filter(endpoint=self.endpoint(endpoint_id), **asked)
        return Response(page_of_rows(request, rows, _delivered, newest_first=True))


class OneDelivery(EndpointView):
    scopes = {"GET": "webhooks:read"}

    @operation(
        "Show a delivery",
        "With every attempt and the first kilobyte of its answer.",
        tag=TAG,
        responses={200: (DeliveryWithAttemptsSerializer, examples.ATTEMPTED)},
    )
    def get(self, request: Request, *, endpoint_id: UUID, delivery_id: UUID) -> Response:
        return Response(DeliveryWithAttemptsSerializer(self.delivery(endpoint_id, delivery_id)).data)


class ReplayOne(EndpointView):
    scopes = {"POST": "webhooks:write"}

    @operation(
        "Send a delivery again",
        "With the same `webhook-id`.",
        tag=TAG,
        responses={202: (DeliverySerializer, examples.DELIVERY)},
    )
    def post(self, request: Request, *, endpoint_id: UUID, delivery_id: UUID) -> Response:
        found = self.delivery(endpoint_id, delivery_id)
        try:
            replay.replay_one(found)
        except EndpointError as refused:
            raise _problem(refused) from None
        found.refresh_from_db()
        return Response(DeliverySerializer(found).data, status=202)


class Replay(EndpointView):
    scopes = {"POST": "webhooks:write"}

    @operation(
        "Send many again",
        "`failed`: all that failed. `since`: everything since a moment. `missing`: events it asks for and was never sent,"
        " because it was disabled or not there yet. `dry_run` only counts.",
        tag=TAG,
        request=ReplaySerializer,
        responses={202: (ReplayedSerializer, {"number": 12, "dry_run": False})},
        sent={"which": "failed", "dry_run": True},
    )
    def post(self, request: Request, *, endpoint_id: UUID) -> Response:
        found, sent = self.endpoint(endpoint_id), body(ReplaySerializer, request)
        try:
            which = Which(kind=sent["which"], since=sent.get("since"))
            number = (replay.count if sent["dry_run"] else replay.replay)(found, which)
        except EndpointError as refused:
            raise _problem(refused) from None
        return Response(ReplayedSerializer({"number": number, "dry_run": sent["dry_run"]}).data, status=202)


def _named(sent: dict[str, Any]) -> dict[str, Any]:
    return {_NAMES.get(name, name): value for name, value in sent.items()}


def _problem(refused: EndpointError) -> Problem:
    if not refused.field:
        return Problem(409, str(refused), kind="not-now")
    error = {"pointer": f"/{refused.field}", "detail": str(refused)}
    return Problem(400, "The request is not valid.", kind="invalid", errors=[error])


def _shown(rows: list[Endpoint]) -> list[Any]:
    return list(WebhookSerializer(rows, many=True).data)


def _delivered(rows: list[Delivery]) -> list[Any]:
    return list(DeliverySerializer(rows, many=True).data)
