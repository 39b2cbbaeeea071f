"""What changed, because of whom; and taking a run back."""

from __future__ import annotations

import dataclasses
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api import examples
from integrations.api.addressing import ConnectionView
from integrations.api.merged import elsewhere
from integrations.api.openapi import PAGED, operation
from integrations.api.pagination import limit, page, position
from integrations.api.permissions import may_touch, person, usable_providers
from integrations.api.problems import Problem
from integrations.api.queries import body
from integrations.api.serializers.history import ChangePageSerializer, ChangeSerializer, UndoPreviewSerializer
from integrations.api.serializers.plans import NothingSerializer
from integrations.api.serializers.records import MergedSerializer
from integrations.api.serializers.sync import RunSerializer
from integrations.changes import feed, told
from integrations.changes.feed import Entry
from integrations.marketplace import undos
from integrations.sync import undo
from integrations.sync.models import RecordLink, SyncRun
from integrations.sync.undo_preview import Preview, preview

from .plans import RunView

MERGED_HISTORY = examples.MERGED | {"url": f"{examples.MERGED['url']}/history"}
UNDO_RUN = {**examples.RUN, "kind": "undo", "undoes": "01980f6e-9b2e-7d4a-8e77-51f0c2aa01dd"}


class RunChanges(RunView):
    scopes = {"GET": "records:read"}

    @operation(
        "List what a run changed",
        "Record by record and field by field, in the run's order.",
        tag="History",
        parameters=[*PAGED],
        responses={200: (ChangePageSerializer, examples.page(examples.CHANGE))},
    )
    def get(self, request: Request, *, run_id: UUID, **kwargs: Any) -> Response:
        run = self.run(run_id)
        may_touch(request, self.resource(run.resource)[1], "view")
        size, after = limit(request), position(request)
        entries = feed.of_run(run.pk, after=int(after) if after else None, limit=size + 1)
        return Response(_page(request, entries, size))


class RecordHistory(ConnectionView):
    scopes = {"GET": "records:read"}

    @operation(
        "List what happened to a record",
        "By whoever it was: people, connections, keys, plain SQL. The newest first. One that was merged into another is found"
        " there.",
        tag="History",
        parameters=[*PAGED],
        responses={
            200: (ChangePageSerializer, examples.page(examples.CHANGE)),
            301: (MergedSerializer, MERGED_HISTORY),
        },
    )
    def get(self, request: Request, *, resource: str, record_id: UUID, **kwargs: Any) -> Response:
        _, target = self.resource(resource)
        may_touch(request, target, "view")
        links = RecordLink.objects.filter(connection=self.connection, resource=resource, record_id=record_id)
        if not links.exists():
            return elsewhere(request, self.connection, resource, target, record_id)
        size, before = limit(request), position(request)
        entries = feed.history(target.name, record_id, before=int(before) if before else None, limit=size + 1)
        return Response(_page(request, entries, size))


class Undo(RunView):
    scopes = {"GET": "records:read", "POST": "sync:run"}

    @operation(
        "Show what an undo would do",
        "How much would be taken back, what would be left because others changed or need it, and what the next sync does.",
        tag="History",
        responses={200: (UndoPreviewSerializer, examples.UNDO)},
    )
    def get(self, request: Request, *, run_id: UUID, **kwargs: Any) -> Response:
        run = self.run(run_id)
        may_touch(request, self.resource(run.resource)[1], "view")
        refusal = undo.refusal(run)
        found = Preview() if refusal else preview(run)
        answer = {
            "refusal": refusal,
            **{one.name: getattr(found, one.name) for one in dataclasses.fields(found) if one.name != "listed"},
            "left": [left._asdict() for left in undos.left(found.listed, usable_providers(request))],
            "consequences": undos.consequences(run, self.provider),
        }
        return Response(UndoPreviewSerializer(answer).data)

    @operation(
        "Undo a run",
        "Queues a run of kind `undo`, and answers with it. What has moved on since is left as it is and listed by the undo's"
        " plan. 409 where it cannot be undone.",
        tag="History",
        request=NothingSerializer,
        responses={202: (RunSerializer, UNDO_RUN)},
        sent={},
    )
    def post(self, request: Request, *, run_id: UUID, **kwargs: Any) -> Response:
        body(NothingSerializer, request)
        try:
            begun = undo.begin(self.run(run_id), user=person(request), trigger=SyncRun.Trigger.API)
        except undo.CannotUndo as refused:
            raise Problem(409, str(refused), kind="cannot-undo") from None
        return Response(RunSerializer(begun).data, status=202)


def _page(request: Request, entries: list[Entry], size: int) -> dict[str, Any]:
    rows = told.tell(entries[:size], usable_providers(request))
    following = str(rows[-1].id) if len(entries) > size else None
    return page(request, list(ChangeSerializer(rows, many=True).data), following)
