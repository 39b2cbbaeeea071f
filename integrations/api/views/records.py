"""The synced records of a resource, in canonical form."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api import examples
from integrations.api.addressing import ConnectionView
from integrations.api.idempotency import once
from integrations.api.merged import elsewhere
from integrations.api.openapi import PAGED, operation
from integrations.api.pagination import limit, page, position
from integrations.api.permissions import may_touch, usable_providers
from integrations.api.problems import Problem
from integrations.api.serializers.records import MergedSerializer, RecordPageSerializer, RecordSerializer
from integrations.sync import records

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": "^[!-~]{1,128}$"},
    OpenApiParameter.HEADER,
    description="Your name for this request. Sent again within a day, it changes nothing and is answered alike.",
)


class Records(ConnectionView):
    scopes = {"GET": "records:read", "POST": "records:write"}
    asks_the_vendor = True

    @operation(
        "List synced records",
        "As both sides last agreed on them.",
        tag="Records",
        parameters=[*PAGED],
        responses={200: (RecordPageSerializer, examples.page(examples.RECORD))},
    )
    def get(self, request: Request, *, resource: str, **kwargs: Any) -> Response:
        _, target = self.resource(resource)
        may_touch(request, target, "view")
        found, following = records.list_records(self.connection, resource, position(request), limit(request))
        return Response(page(request, _show(request, found), following))

    @operation(
        "Create a record at the vendor",
        "The body is the record in canonical form (see /schemas). It is created at the vendor, then linked and stored here.",
        tag="Records",
        request=OpenApiTypes.OBJECT,
        parameters=[IDEMPOTENCY_KEY],
        responses={201: (RecordSerializer, examples.RECORD)},
        sent={"name": "Jane Citizen", "email": "jane@example.org"},
    )
    def post(self, request: Request, *, resource: str, **kwargs: Any) -> Response:
        _, target = self.resource(resource)
        may_touch(request, target, "add")
        connection = self.live_connection()
        if not isinstance(request.data, dict):
            raise _invalid({"": "The record must be an object."})

        def create(vendor_key: str) -> tuple[int, Any]:
            try:
                made = records.create_record(connection, resource, request.data, vendor_key)
            except records.InvalidRecord as refused:
                raise _invalid({reason.field: reason.message for reason in refused.reasons}) from None
            return 201, _show(request, [made])[0]

        return once(request, create)


class Record(ConnectionView):
    scopes = {"GET": "records:read"}

    @operation(
        "Show a synced record",
        "By our id; `external_id` is the vendor's. One that was merged into another is found there.",
        tag="Records",
        responses={200: (RecordSerializer, examples.RECORD), 301: (MergedSerializer, examples.MERGED)},
    )
    def get(self, request: Request, *, resource: str, record_id: UUID, **kwargs: Any) -> Response:
        _, target = self.resource(resource)
        may_touch(request, target, "view")
        found = records.get_record(self.connection, resource, record_id)
        if found is None:
            return elsewhere(request, self.connection, resource, target, record_id)
        return Response(_show(request, [found])[0])


def _show(request: Request, found: list[dict[str, Any]]) -> list[Any]:
    """Without the names that connections have for it which the caller may not see."""
    usable = set(usable_providers(request))
    seen = [{**one, "links": [link for link in one["links"] if link["provider"] in usable]} for one in found]
    return list(RecordSerializer(seen, many=True).data)


def _invalid(reasons: dict[str, str]) -> Problem:
    """`reasons`: dotted canonical field -> sentence."""
    errors = [
        {"pointer": "".join(f"/{step}" for step in field.split(".") if step), "detail": sentence}
        for field, sentence in reasons.items()
    ]
    return Problem(400, "The request is not valid.", kind="invalid", errors=errors)
