"""Fields that both sides changed differently: seen, decided, and decisions taken back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import roles
from integrations.api import examples
from integrations.api.addressing import ConnectionView
from integrations.api.openapi import PAGED, operation
from integrations.api.pagination import page_of_rows
from integrations.api.permissions import is_key, usable_providers
from integrations.api.problems import Problem
from integrations.api.queries import body, query
from integrations.api.serializers.conflicts import (
    ConflictPageSerializer,
    ConflictQuerySerializer,
    ConflictSerializer,
    DecidedSerializer,
    DecisionSerializer,
    DecisionsSerializer,
)
from integrations.changes import origins
from integrations.conflicts import resolve
from integrations.conflicts.models import Conflict
from integrations.conflicts.shown import shown
from integrations.sync.sides import key_of


class ConflictsView(ConnectionView):
    def conflicts(self, request: Request) -> QuerySet[Conflict]:
        """Of the connection; of a person's, only about records they may see."""
        rows = Conflict.objects.filter(connection=self.connection)
        return rows if is_key(request) else rows.filter(target__in=roles.targets_seen_by(request.user))

    def conflict(self, request: Request, pk: UUID) -> Conflict:
        found = self.conflicts(request).filter(pk=pk).first()
        if found is None:
            raise Problem(404, "There is no such conflict of this connection.")
        return found


class Conflicts(ConflictsView):
    scopes = {"GET": "records:read"}

    @operation(
        "List conflicts",
        "Fields that were changed on both sides, differently, and whose rule is to ask. The open ones, unless `state` says"
        " otherwise; the newest first.",
        tag="Conflicts",
        parameters=[ConflictQuerySerializer, *PAGED],
        responses={200: (ConflictPageSerializer, examples.page(examples.CONFLICT))},
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        rows = self.conflicts(request).filter(**query(ConflictQuerySerializer, request))
        return Response(page_of_rows(request, rows, lambda found: _show(request, found), newest_first=True))


class OneConflict(ConflictsView):
    scopes = {"GET": "records:read"}

    @operation(
        "Show a conflict",
        "Both sides, what they last agreed on, and the stamp that a decision needs.",
        tag="Conflicts",
        responses={200: (ConflictSerializer, examples.CONFLICT)},
    )
    def get(self, request: Request, *, conflict_id: UUID, **kwargs: Any) -> Response:
        return Response(_show(request, [self.conflict(request, conflict_id)])[0])


class ResolveOne(ConflictsView):
    scopes = {"POST": "conflicts:resolve"}

    @operation(
        "Decide a conflict",
        "`theirs` is written here; `ours` stays and goes out with the next sync, where the connection sends; `value` does both."
        " 409 when either side changed since the stamp was given.",
        tag="Conflicts",
        request=DecisionSerializer,
        responses={200: (ConflictSerializer, examples.DECIDED_CONFLICT)},
        sent={"resolution": "ours", "stamp": examples.CONFLICT["stamp"]},
    )
    def post(self, request: Request, *, conflict_id: UUID, **kwargs: Any) -> Response:
        found = self.conflict(request, conflict_id)
        asked = body(DecisionSerializer, request)
        if found.state != Conflict.State.OPEN:
            raise Problem(409, "This conflict is decided already.", kind="already-decided")
        mine = Conflict.objects.filter(pk=found.pk)
        decided = resolve.resolve_seen(
            mine, {found.pk: asked["stamp"]}, asked["resolution"], origin=_origin(request), value=asked.get("value")
        )
        for refused in decided.refused:
            raise Problem(409, refused.why, kind="changed-since" if refused.why == resolve.CHANGED else "")
        found.refresh_from_db()
        return Response(_show(request, [found])[0])


class ResolveMany(ConflictsView):
    scopes = {"POST": "conflicts:resolve"}

    @operation(
        "Decide many conflicts",
        "All for one side. Those that changed since, or cannot be stored, are refused one by one and stay open.",
        tag="Conflicts",
        request=DecisionsSerializer,
        responses={200: (DecidedSerializer, examples.DECIDED)},
        sent=examples.DECISIONS,
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        asked = body(DecisionsSerializer, request)
        seen = {one["id"]: one["stamp"] for one in asked["conflicts"]}
        rows = self.conflicts(request)
        known = set(rows.filter(pk__in=seen, state=Conflict.State.OPEN).values_list("pk", flat=True))
        decided = resolve.resolve_seen(rows, seen, asked["side"], origin=_origin(request))
        refused = [{"id": one.conflict.pk, "detail": one.why} for one in decided.refused]
        refused += [{"id": pk, "detail": "There is no such open conflict here."} for pk in seen if pk not in known]
        return Response(DecidedSerializer({"resolved": [one.pk for one in decided.resolved], "refused": refused}).data)


class Reopen(ConflictsView):
    scopes = {"POST": "conflicts:resolve"}

    @operation(
        "Take a decision back",
        "For 30 days, as long as nobody has changed or sent the value since: 409 with the reason otherwise.",
        tag="Conflicts",
        responses={200: (ConflictSerializer, examples.CONFLICT)},
    )
    def post(self, request: Request, *, conflict_id: UUID, **kwargs: Any) -> Response:
        found = self.conflict(request, conflict_id)
        try:
            resolve.reopen(found, origin=_origin(request))
        except resolve.CannotUndo as refused:
            raise Problem(409, str(refused)) from None
        return Response(_show(request, [found])[0])


_AS_IT_IS = (
    "id", "resource", "target", "record_id", "field", "agreed", "base", "theirs", "ours_at", "theirs_at", "state",
    "resolution", "value", "resolved_at", "created_at", "updated_at",
)  # fmt: skip


def _origin(request: Request) -> str:
    return origins.of_key(request.auth) if is_key(request) else origins.of_user(request.user)


def _show(request: Request, conflicts: list[Conflict]) -> list[Any]:
    found = [
        {
            **{name: getattr(one.conflict, name) for name in _AS_IT_IS},
            "connection": one.conflict.connection_id,
            "part": list(key_of(one.conflict.part)) if one.conflict.part else [],
            "ours": one.ours_now,
            "ours_by": one.ours_by.alone if one.ours_by else "",
            "resolved_by": one.resolved_by.alone if one.resolved_by else "",
            "stamp": one.stamp,
        }
        for one in shown(conflicts, usable_providers(request))
    ]
    return list(ConflictSerializer(found, many=True).data)
