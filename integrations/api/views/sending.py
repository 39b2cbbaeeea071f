"""Two-way: which resources are sent, what waits or was refused, switching on and off, and trying again."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api import examples
from integrations.api.addressing import ConnectionView
from integrations.api.openapi import PAGED, operation
from integrations.api.pagination import page_of_rows
from integrations.api.permissions import may_touch, person
from integrations.api.problems import Problem
from integrations.api.queries import body, query
from integrations.api.serializers.sending import (
    OutgoingDetailSerializer,
    OutgoingsSerializer,
    RetriedSerializer,
    RetrySendingSerializer,
    SendingWishSerializer,
    WritePageSerializer,
    WriteQuerySerializer,
    WriteSerializer,
)
from integrations.provider import Resource
from integrations.sync.push import outbox, overview, switch
from integrations.sync.push.models import OutboundWrite


class Sending(ConnectionView):
    scopes = {"GET": "integrations:read"}

    @operation(
        "Show what is sent",
        "Every resource of which something can be sent, and how it is.",
        tag="Sending",
        responses={200: (OutgoingsSerializer, {"results": [examples.OUTGOING]})},
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        return Response(OutgoingsSerializer({"results": overview.overview(self.connection)}).data)


class WritableView(ConnectionView):
    def writable(self, name: str) -> Resource:
        """404 for an unknown resource, 409 for one that is only read."""
        declared, _ = self.resource(name)
        if declared.write is None:
            raise Problem(409, f"{self.provider.name} takes no {name} from us: they are only read.", kind="read-only")
        return declared


class SendingResource(WritableView):
    scopes = {"GET": "integrations:read", "PUT": "connections:write"}

    @operation(
        "Show how a resource is sent",
        "While it does not send, with what sending would change first.",
        tag="Sending",
        responses={200: (OutgoingDetailSerializer, examples.OUTGOING_DETAIL)},
    )
    def get(self, request: Request, *, resource: str, **kwargs: Any) -> Response:
        declared = self.writable(resource)
        _, target = self.resource(resource)
        may_touch(request, target, "view")
        return self._shown(declared)

    @operation(
        "Switch sending on or off",
        "Switching on needs `confirm`, compares all records once and queues a run; many first changes then wait as a planned"
        " run. Switching off forgets what waits.",
        tag="Sending",
        request=SendingWishSerializer,
        responses={200: (OutgoingDetailSerializer, {**examples.OUTGOING_DETAIL, "sends": True, "difference": None})},
        sent={"sends": True, "creates": False, "confirm": True},
    )
    def put(self, request: Request, *, resource: str, **kwargs: Any) -> Response:
        declared, wish = self.writable(resource), body(SendingWishSerializer, request)
        _, target = self.resource(resource)
        may_touch(request, target, "view")
        if not wish["sends"]:
            switch.switch_off(self.connection, declared.name)
        elif not wish["confirm"]:
            raise Problem(409, "Look at the difference first, then send `confirm`.", kind="not-confirmed")
        else:
            connection = self.live_connection()
            switch.switch_on(connection, declared.name, creates=wish["creates"], user=person(request))
        return self._shown(declared)

    def _shown(self, declared: Resource) -> Response:
        found = overview.of_resource(self.connection, declared)
        differ = None if found.sends else switch.difference(self.connection, declared.name)
        return Response(OutgoingDetailSerializer({**vars(found), "difference": differ and _difference(differ)}).data)


class Writes(WritableView):
    scopes = {"GET": "integrations:read"}

    @operation(
        "List writes",
        "What was, is or will be sent of a resource, the newest first; without what was sent.",
        tag="Sending",
        parameters=[WriteQuerySerializer, *PAGED],
        responses={200: (WritePageSerializer, examples.page(examples.WRITE))},
    )
    def get(self, request: Request, *, resource: str, **kwargs: Any) -> Response:
        declared = self.writable(resource)
        rows = outbox.of(self.connection, declared.name).filter(**query(WriteQuerySerializer, request))
        return Response(page_of_rows(request, rows.defer("body", "said"), _show, newest_first=True))


class Retry(WritableView):
    scopes = {"POST": "sync:run"}

    @operation(
        "Send again",
        "What was refused, waits or is in doubt: all of it, or these. A creation in doubt is then made again, so look there"
        " first.",
        tag="Sending",
        request=RetrySendingSerializer,
        responses={202: (RetriedSerializer, {"retried": 1})},
        sent={"writes": [examples.WRITE["id"]]},
    )
    def post(self, request: Request, *, resource: str, **kwargs: Any) -> Response:
        declared, asked = self.writable(resource), body(RetrySendingSerializer, request)
        connection = self.live_connection()
        again = overview.retry(connection, declared.name, asked.get("writes"), user=person(request))
        return Response({"retried": again}, status=202)


def _difference(found: switch.Difference) -> dict[str, Any]:
    samples = [
        {
            "external_id": sample.external_id,
            "record_id": sample.record_id,
            "fields_that_differ": [
                {"field": name, "there": there, "here": here} for name, there, here in sample.fields
            ],
        }
        for sample in found.samples
    ]
    return {**vars(found), "samples": samples}


def _show(writes: list[OutboundWrite]) -> list[Any]:
    return list(WriteSerializer(writes, many=True).data)
