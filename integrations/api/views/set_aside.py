"""The records that are set aside: which, why, and what becomes of them."""

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
from integrations.api.permissions import may_touch, person
from integrations.api.problems import Problem
from integrations.api.queries import body, query
from integrations.api.serializers.set_aside import (
    DismissedSerializer,
    DismissSerializer,
    ReasonCountsSerializer,
    RetrySerializer,
    SelectedSerializer,
    SetAsidePageSerializer,
    SetAsideRecordSerializer,
    SetAsideSerializer,
    WhichSerializer,
)
from integrations.sync import retry, setaside
from integrations.sync.models import QuarantinedRecord, QuarantineRetry
from integrations.sync.setaside import Which


class SetAside(ConnectionView):
    scopes = {"GET": "integrations:read"}

    @operation(
        "List set-aside records",
        "Those that are open, the newest first, each with every reason. The record itself is only shown one at a time.",
        tag="Set aside",
        parameters=[WhichSerializer, *PAGED],
        responses={200: (SetAsidePageSerializer, examples.page(examples.SET_ASIDE))},
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        rows = _which(query(WhichSerializer, request)).rows(self.connection).defer("body")
        return Response(page_of_rows(request, rows, _show, newest_first=True))


class Reasons(ConnectionView):
    scopes = {"GET": "integrations:read"}

    @operation(
        "Count the reasons",
        "Why records are set aside, the most frequent reason first.",
        tag="Set aside",
        responses={200: (ReasonCountsSerializer, examples.REASON_COUNTS)},
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        found = [group._asdict() for group in setaside.groups(self.connection)]
        return Response(ReasonCountsSerializer({"results": found}).data)


class OneSetAside(ConnectionView):
    scopes = {"GET": "records:read"}

    @operation(
        "Show a set-aside record",
        "With the record as it came from the vendor.",
        tag="Set aside",
        responses={200: (SetAsideRecordSerializer, examples.SET_ASIDE_RECORD)},
    )
    def get(self, request: Request, *, set_aside_id: UUID, **kwargs: Any) -> Response:
        found = QuarantinedRecord.objects.filter(connection=self.connection, pk=set_aside_id).first()
        if found is None:
            raise Problem(404, "There is no such set-aside record of this connection.")
        declared = next((one for one in self.provider.resources if one.name == found.resource), None)
        if declared is not None:
            may_touch(request, targets.get(declared.target), "view")
        return Response(SetAsideRecordSerializer(found).data)


class RetrySetAside(ConnectionView):
    scopes = {"POST": "sync:run"}

    @operation(
        "Try set-aside records again",
        "With the mapping as it is now: all of the connection, or those the body narrows them to.",
        tag="Set aside",
        request=SelectedSerializer,
        responses={202: (RetrySerializer, examples.RETRY)},
        sent={"resource": "invoices", "since": "2026-02-01T00:00:00Z"},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        which = _which(body(SelectedSerializer, request))
        asked = retry.request(self.live_connection(), which, user=person(request))
        return Response(RetrySerializer(asked).data, status=202)


class Retry(ConnectionView):
    scopes = {"GET": "integrations:read"}

    @operation(
        "Show how far a retry is",
        "How many were tried, and how many of these were taken.",
        tag="Set aside",
        responses={200: (RetrySerializer, examples.RETRY)},
    )
    def get(self, request: Request, *, retry_id: UUID, **kwargs: Any) -> Response:
        found = QuarantineRetry.objects.filter(connection=self.connection, pk=retry_id).first()
        if found is None:
            raise Problem(404, "There is no such retry of this connection.")
        return Response(RetrySerializer(found).data)


class DismissSetAside(ConnectionView):
    scopes = {"POST": "sync:run"}

    @operation(
        "Dismiss set-aside records",
        "They are not set aside again as they are; a record that changes at the vendor is looked at anew.",
        tag="Set aside",
        request=DismissSerializer,
        responses={200: (DismissedSerializer, {"dismissed": 1})},
        sent={"ids": [examples.SET_ASIDE["id"]], "because": "Test data"},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        sent = body(DismissSerializer, request)
        because = sent.pop("because")
        number = setaside.dismiss(self.connection, _which(sent), because, user=person(request))
        return Response(DismissedSerializer({"dismissed": number}).data)


def _which(sent: dict[str, Any]) -> Which:
    ids = sent.pop("ids", None)
    return Which(**sent, ids=None if ids is None else tuple(ids))


def _show(rows: list[QuarantinedRecord]) -> list[Any]:
    return list(SetAsideSerializer(rows, many=True).data)
