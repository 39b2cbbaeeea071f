"""When a resource is read by itself, beginning anew with it, and what the vendor no longer sends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api import examples
from integrations.api.addressing import ConnectionView
from integrations.api.openapi import operation
from integrations.api.permissions import person
from integrations.api.problems import Problem
from integrations.api.queries import body
from integrations.api.serializers.schedules import (
    DriftDismissedSerializer,
    DriftDismissSerializer,
    ResetDoneSerializer,
    ResetSerializer,
    ScheduleChoiceSerializer,
    ScheduleSerializer,
    SchedulesSerializer,
)
from integrations.sync import drift, positions, resets, schedules, timetable
from integrations.sync.models import SyncRun


class Schedules(ConnectionView):
    scopes = {"GET": "integrations:read"}

    @operation(
        "List schedules",
        "How often each resource is read by itself, when it is next, and how often it may be.",
        tag="Schedules",
        responses={200: (SchedulesSerializer, {"results": [examples.SCHEDULE]})},
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        rows = [_show(row) for row in timetable.rows(self.connection, self.provider)]
        return Response(SchedulesSerializer({"results": rows}).data)


class Schedule(ConnectionView):
    scopes = {"PUT": "connections:write"}

    @operation(
        "Choose a schedule",
        "What is left out is as the integration says. 400 names the interval that is allowed.",
        tag="Schedules",
        request=ScheduleChoiceSerializer,
        responses={200: (ScheduleSerializer, examples.SCHEDULE)},
        sent={"every_seconds": 3600, "enabled": True, "sweep_days": 3},
    )
    def put(self, request: Request, *, resource: str, **kwargs: Any) -> Response:
        self.resource(resource)
        sent = body(ScheduleChoiceSerializer, request)
        every = None if sent["every_seconds"] is None else timedelta(seconds=sent["every_seconds"])
        try:
            schedules.choose(
                self.connection, resource, every=every, enabled=sent["enabled"], sweep_days=sent["sweep_days"]
            )
        except schedules.OutOfBounds as refused:
            mistake = {"pointer": "/every_seconds", "detail": str(refused)}
            raise Problem(400, "The request is not valid.", kind="invalid", errors=[mistake]) from None
        (row,) = (row for row in timetable.rows(self.connection, self.provider) if row.resource.name == resource)
        return Response(ScheduleSerializer(_show(row)).data)


class Reset(ConnectionView):
    scopes = {"POST": "sync:run"}

    @operation(
        "Begin anew with one resource",
        "`cursor`: the next run reads everything, nothing else is forgotten. `compare`: everything is read now; what it no"
        " longer shows is gone, behind the brake.",
        tag="Schedules",
        request=ResetSerializer,
        responses={202: (ResetDoneSerializer, {"resource": "contacts", "run": None})},
        sent={"mode": "cursor"},
    )
    def post(self, request: Request, *, resource: str, **kwargs: Any) -> Response:
        self.resource(resource)
        run = None
        if body(ResetSerializer, request)["mode"] == resets.CURSOR:
            resets.forget_cursor(self.connection, resource)
        else:
            asked = {"trigger": SyncRun.Trigger.API, "user": person(request)}
            run = resets.read_and_compare(self.live_connection(), resource, **asked).pk
        return Response(ResetDoneSerializer({"resource": resource, "run": run}).data, status=202)


class Drift(ConnectionView):
    scopes = {"POST": "connections:write"}

    @operation(
        "Dismiss a drift alarm",
        "It is right that this field no longer comes as it did. What stays of the resource's alarms is answered.",
        tag="Schedules",
        request=DriftDismissSerializer,
        responses={200: (DriftDismissedSerializer, {"resource": "contacts", "drift": []})},
        sent={"path": "EmailAddress"},
    )
    def post(self, request: Request, *, resource: str, **kwargs: Any) -> Response:
        self.resource(resource)
        path = body(DriftDismissSerializer, request)["path"]
        with transaction.atomic():
            state = positions.state_of(self.connection, resource)
            if not drift.dismiss(state, path):
                raise Problem(404, f"There is no alarm about '{path}'.")
        return Response(DriftDismissedSerializer({"resource": resource, "drift": state.drift}).data)


def _show(row: timetable.Row) -> dict[str, Any]:
    return {
        "resource": row.resource.name,
        "enabled": row.enabled,
        "every_seconds": int(row.every.total_seconds()),
        "chosen": row.chosen,
        "shortest_seconds": int(row.shortest.total_seconds()),
        "longest_seconds": int(schedules.LONGEST.total_seconds()),
        "sweep_days": row.sweep_days,
        "next_at": row.next_at,
        "words": row.words,
    }
