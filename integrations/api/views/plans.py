"""What runs would do, and a person's or partner's answer to it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api import examples
from integrations.api.addressing import ConnectionView
from integrations.api.openapi import operation
from integrations.api.permissions import may_touch, person
from integrations.api.problems import Problem
from integrations.api.queries import body
from integrations.api.serializers.plans import NothingSerializer, PlanSerializer, PlansSerializer
from integrations.api.serializers.sync import RunSerializer, RunsSerializer
from integrations.sync import decisions, services, waiting
from integrations.sync.models import SyncRun

APPROVED = {**examples.RUN, "full": True}
REJECTED = {**examples.RUN, "state": "cancelled", "plan_only": True, "decision": "rejected"}


class RunView(ConnectionView):
    """A view of one run of the connection."""

    def run(self, run_id: UUID) -> SyncRun:
        run = SyncRun.objects.filter(connection=self.connection, pk=run_id).select_related("connection").first()
        if run is None:
            raise Problem(404, "There is no such run of this connection.")
        return run

    def waiting(self, run_id: UUID) -> SyncRun:
        run = self.run(run_id)
        if run.state != SyncRun.State.PLANNED:
            raise Problem(409, f"The run does not wait for approval: it is {run.get_state_display().lower()}.")
        return run


class RunPlan(RunView):
    scopes = {"GET": "records:read"}

    @operation(
        "Show a run's plan",
        "What it would do: how many records of each kind, up to twenty of each field by field, and what it leaves alone."
        " `plan` is null for a run that was not planned.",
        tag="Plans",
        responses={200: (PlanSerializer, examples.PLAN)},
    )
    def get(self, request: Request, *, run_id: UUID, **kwargs: Any) -> Response:
        run = self.run(run_id)
        may_touch(request, self.resource(run.resource)[1], "view")
        return Response(_shown([run])[0])


class Approve(RunView):
    scopes = {"POST": "sync:run"}

    @operation(
        "Approve a plan",
        "Queues the run that writes it, and answers with it. 409 when it waits no longer, or lives inside records whose plan"
        " must be approved first.",
        tag="Plans",
        request=NothingSerializer,
        responses={202: (RunSerializer, APPROVED)},
        sent={},
    )
    def post(self, request: Request, *, run_id: UUID, **kwargs: Any) -> Response:
        body(NothingSerializer, request)
        run = self.waiting(run_id)
        self.live_connection()
        return Response(
            RunSerializer(_or_not_yet(lambda: services.approve(run, user=person(request)))).data, status=202
        )


class Reject(RunView):
    scopes = {"POST": "sync:run"}

    @operation(
        "Reject a plan",
        "Nothing of it is written, and the schedule leaves the resource alone until somebody asks for a sync.",
        tag="Plans",
        request=NothingSerializer,
        responses={200: (RunSerializer, REJECTED)},
        sent={},
    )
    def post(self, request: Request, *, run_id: UUID, **kwargs: Any) -> Response:
        body(NothingSerializer, request)
        return Response(RunSerializer(decisions.reject(self.waiting(run_id), user=person(request))).data)


class Waiting(ConnectionView):
    scopes = {"GET": "records:read"}

    @operation(
        "List what waits for approval",
        "Every plan of the connection that waits, in the order of references.",
        tag="Plans",
        responses={200: (PlansSerializer, {"results": [examples.PLAN]})},
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        runs = [run for run in waiting.runs(self.connection) if run.plan]
        for run in runs:
            may_touch(request, self.resource(run.resource)[1], "view")
        return Response({"results": _shown(runs)})


class ApproveAll(ConnectionView):
    scopes = {"POST": "sync:run"}

    @operation(
        "Approve everything that waits",
        "All plans of the connection at once; answers with the queued runs, none where nothing waited.",
        tag="Plans",
        request=NothingSerializer,
        responses={202: (RunsSerializer, {"runs": [APPROVED]})},
        sent={},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        body(NothingSerializer, request)
        connection = self.live_connection()
        runs = _or_not_yet(lambda: waiting.approve_all(connection, user=person(request)))
        return Response(RunsSerializer({"runs": runs}).data, status=202)


class RejectAll(ConnectionView):
    scopes = {"POST": "sync:run"}

    @operation(
        "Reject everything that waits",
        "All plans of the connection at once; answers with their runs.",
        tag="Plans",
        request=NothingSerializer,
        responses={200: (RunsSerializer, {"runs": [REJECTED]})},
        sent={},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        body(NothingSerializer, request)
        runs = waiting.reject_all(self.connection, user=person(request))
        return Response(RunsSerializer({"runs": runs}).data)


def _or_not_yet(act: Any) -> Any:
    try:
        return act()
    except decisions.NotYet as error:
        raise Problem(409, str(error), kind="not-yet") from None


def _shown(runs: list[SyncRun]) -> list[Any]:
    plans = [{"run": run, "stale": decisions.stale(run), "plan": run.plan} for run in runs]
    return list(PlanSerializer(plans, many=True).data)
