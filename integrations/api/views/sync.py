"""Starting syncs and following them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api import examples
from integrations.api.addressing import ConnectionView
from integrations.api.openapi import PAGED, operation
from integrations.api.pagination import page_of_rows
from integrations.api.permissions import person
from integrations.api.problems import Problem
from integrations.api.queries import body, query
from integrations.api.serializers.sync import (
    RunPageSerializer,
    RunQuerySerializer,
    RunSerializer,
    RunsSerializer,
    SyncRequestSerializer,
    SyncStatusSerializer,
)
from integrations.sync import services
from integrations.sync.models import ResourceState, SyncRun

UNDER_WAY = (SyncRun.State.QUEUED, SyncRun.State.RUNNING)


class Sync(ConnectionView):
    scopes = {"POST": "sync:run"}

    @operation(
        "Sync everything",
        "Queues a run for every resource, in the order of their references. What is already queued is not queued twice.",
        tag="Sync",
        request=SyncRequestSerializer,
        responses={202: (RunsSerializer, {"runs": [examples.RUN]})},
        sent={"full": False, "plan": False},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        return self._queue(request, None)

    def _queue(self, request: Request, resource: str | None) -> Response:
        asked = body(SyncRequestSerializer, request)
        wish = {"full": asked["full"], "plan_only": asked["plan"]}
        runs = services.request_sync(
            self.live_connection(), resource, **wish, trigger=SyncRun.Trigger.API, user=person(request)
        )
        return Response(RunsSerializer({"runs": runs}).data, status=202)


class SyncResource(Sync):
    @operation(
        "Sync one resource",
        "Queues a run for it.",
        tag="Sync",
        request=SyncRequestSerializer,
        responses={202: (RunsSerializer, {"runs": [examples.RUN]})},
        sent={"full": True},
    )
    def post(self, request: Request, *, resource: str, **kwargs: Any) -> Response:
        self.resource(resource)
        return self._queue(request, resource)


class SyncStatus(ConnectionView):
    scopes = {"GET": "integrations:read"}

    @operation(
        "Show how far it is",
        "For each resource how far it has been read, and its newest run.",
        tag="Sync",
        responses={200: (SyncStatusSerializer, examples.SYNC_STATUS)},
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        states = {state.resource: state for state in ResourceState.objects.filter(connection=self.connection)}
        newest = (
            SyncRun.objects.filter(connection=self.connection)
            .defer("plan")
            .order_by("resource", "-pk")
            .distinct("resource")
        )
        runs = {run.resource: run for run in newest}
        resources = []
        for resource in self.provider.resources:
            state = states.get(resource.name) or ResourceState(connection=self.connection, resource=resource.name)
            state.run = runs.get(resource.name)  # type: ignore[attr-defined]
            resources.append(state)
        running = SyncRun.objects.filter(connection=self.connection, state__in=UNDER_WAY).exists()
        answer = {"connection": self.connection.pk, "running": running, "resources": resources}
        return Response(SyncStatusSerializer(answer).data)


class SyncLogs(ConnectionView):
    scopes = {"GET": "integrations:read"}

    @operation(
        "List runs",
        "The newest first.",
        tag="Sync",
        parameters=[RunQuerySerializer, *PAGED],
        responses={200: (RunPageSerializer, examples.page(examples.RUN))},
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        rows = SyncRun.objects.filter(connection=self.connection, **query(RunQuerySerializer, request)).defer("plan")
        return Response(page_of_rows(request, rows, _show, newest_first=True))


class Run(ConnectionView):
    scopes = {"GET": "integrations:read"}

    @operation(
        "Show a run",
        "Its progress and counts, while it runs and afterwards.",
        tag="Sync",
        responses={200: (RunSerializer, examples.RUN)},
    )
    def get(self, request: Request, *, run_id: UUID, **kwargs: Any) -> Response:
        run = SyncRun.objects.filter(connection=self.connection, pk=run_id).first()
        if run is None:
            raise Problem(404, "There is no such run of this connection.")
        return Response(RunSerializer(run).data)


def _show(runs: list[SyncRun]) -> list[Any]:
    return list(RunSerializer(runs, many=True).data)
