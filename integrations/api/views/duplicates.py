"""Possible duplicates, and records made one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import registry, roles, targets
from integrations.api import examples
from integrations.api.openapi import PAGED, operation
from integrations.api.pagination import page_of_rows
from integrations.api.permissions import is_key, may_touch, may_use, person, usable_providers
from integrations.api.problems import Problem
from integrations.api.queries import body, query
from integrations.api.serializers.duplicates import (
    DuplicateDecidedSerializer,
    DuplicateDecisionSerializer,
    DuplicateDecisionsSerializer,
    DuplicatePageSerializer,
    DuplicateQuerySerializer,
    DuplicatesDecidedSerializer,
    DuplicateSerializer,
    MergePageSerializer,
    MergePreviewSerializer,
    MergeRequestSerializer,
    MergeSerializer,
    UndoneSerializer,
)
from integrations.api.view import ApiView
from integrations.matching import merging, showing
from integrations.matching.decide import Answer, Decision, decide
from integrations.matching.merging import NotMergeable
from integrations.matching.models import MatchReview, Merge
from integrations.matching.undo import undo
from integrations.targets import Target

TAG = "Duplicates"


class DuplicatesView(ApiView):
    """Of the connections and the kinds of record that the caller may see."""

    scopes = {"GET": "records:read", "POST": "duplicates:decide"}
    names_things = True

    def reviews(self, request: Request) -> QuerySet[MatchReview]:
        kinds = list(targets.all_targets()) if is_key(request) else roles.targets_seen_by(request.user)
        return showing.reviews_of(usable_providers(request), kinds)

    def decide(self, request: Request, decisions: list[Decision]) -> list[Answer]:
        """404 for one that is not there, 403 for one that the person's roles do not extend to."""
        found = {one.pk: one for one in self.reviews(request).filter(pk__in=[one.review for one in decisions])}
        if missing := [str(one.review) for one in decisions if one.review not in found]:
            raise Problem(404, f"There is no such possible duplicate: {', '.join(missing)}.")
        for slug in {one.connection.provider for one in found.values()}:
            may_use(request, self, registry.get(slug))
        return decide(found.values(), decisions, user=person(request))


class Duplicates(DuplicatesView):
    @operation(
        "List possible duplicates",
        "Records of theirs that a sync holds because they resemble one of ours, each with its candidates, best first.",
        tag=TAG,
        parameters=[DuplicateQuerySerializer, *PAGED],
        responses={200: (DuplicatePageSerializer, examples.page(examples.DUPLICATE))},
    )
    def get(self, request: Request) -> Response:
        wanted = query(DuplicateQuerySerializer, request)
        rows = self.reviews(request).filter(state=wanted["state"])
        if "connection" in wanted:
            rows = rows.filter(connection_id=wanted["connection"])
        return Response(page_of_rows(request, rows, _shown))

    @operation(
        "Decide about many",
        "Each decision is carried out at once, with the mapping as it is now. One that cannot be costs the others nothing:"
        " `refused` says why.",
        tag=TAG,
        request=DuplicateDecisionsSerializer,
        responses={200: (DuplicatesDecidedSerializer, {"results": [examples.DUPLICATE_DECIDED]})},
        sent={"decisions": [{"id": examples.DUPLICATE["id"], "decision": "separate"}]},
    )
    def post(self, request: Request) -> Response:
        wanted = body(DuplicateDecisionsSerializer, request)["decisions"]
        decisions = [Decision(one["id"], one["decision"], one.get("record")) for one in wanted]
        if len({one.review for one in decisions}) < len(decisions):
            raise Problem(400, "The same possible duplicate is named twice.", kind="invalid")
        answers = self.decide(request, decisions)
        return Response(DuplicatesDecidedSerializer({"results": [_decided(answer) for answer in answers]}).data)


class Duplicate(DuplicatesView):
    @operation(
        "Show a possible duplicate",
        "The record of theirs beside the records of ours that it may be.",
        tag=TAG,
        responses={200: (DuplicateSerializer, examples.DUPLICATE)},
    )
    def get(self, request: Request, *, review_id: UUID) -> Response:
        shown = _shown(list(self.reviews(request).filter(pk=review_id)))
        if not shown:
            raise Problem(404, "There is no such possible duplicate.")
        return Response(shown[0])

    @operation(
        "Decide about one",
        "`link` makes it one of the candidates, `separate` somebody new, `dismiss` leaves it out now and later. It is carried"
        " out at once, and never asked again.",
        tag=TAG,
        request=DuplicateDecisionSerializer,
        responses={200: (DuplicateDecidedSerializer, examples.DUPLICATE_DECIDED)},
        sent={"decision": "link", "record": examples.RECORD["id"]},
    )
    def post(self, request: Request, *, review_id: UUID) -> Response:
        if not self.reviews(request).filter(pk=review_id).exists():
            raise Problem(404, "There is no such possible duplicate.")
        wanted = body(DuplicateDecisionSerializer, request)
        (answer,) = self.decide(request, [Decision(review_id, wanted["decision"], wanted.get("record"))])
        if answer.refused:
            raise Problem(409, answer.refused, kind="not-decided")
        return Response(DuplicateDecidedSerializer(_decided(answer)).data)


class MergesView(ApiView):
    scopes = {"GET": "records:read", "POST": "duplicates:decide"}
    names_things = True

    def kinds(self, request: Request) -> list[str]:
        """A person needs the permission to merge; 403 otherwise."""
        if not is_key(request) and not request.user.has_perm(roles.MERGE):
            raise Problem(
                403, "Your role here does not let you merge records. It takes Chapter admin or Membership secretary."
            )
        return list(targets.all_targets()) if is_key(request) else roles.targets_seen_by(request.user)

    def merge_of(self, request: Request, merge_id: UUID) -> Merge:
        found = Merge.objects.filter(pk=merge_id, target__in=self.kinds(request)).first()
        if found is None:
            raise Problem(404, "There is no such merge.")
        return found


class Merges(MergesView):
    @operation(
        "List merges",
        "Records of ours that were made one, the newest first.",
        tag=TAG,
        parameters=[*PAGED],
        responses={200: (MergePageSerializer, examples.page(examples.MERGE))},
    )
    def get(self, request: Request) -> Response:
        rows = Merge.objects.filter(target__in=self.kinds(request))
        shown = page_of_rows(
            request, rows, lambda found: list(MergeSerializer(found, many=True).data), newest_first=True
        )
        return Response(shown)

    @operation(
        "Merge two records",
        "Links and everything that refers to `merged` become `kept`'s, and `merged` is deleted here; no vendor is told. It can"
        " be undone for 90 days. With `dry_run` nothing happens, and the answer (200) is what would.",
        tag=TAG,
        request=MergeRequestSerializer,
        responses={
            200: (MergePreviewSerializer, examples.MERGE_PREVIEW),
            201: (MergeSerializer, examples.MERGE),
        },
        sent={"target": "members.member", "kept": examples.MERGE["kept"], "merged": examples.MERGE["merged"]},
    )
    def post(self, request: Request) -> Response:
        self.kinds(request)
        wanted = body(MergeRequestSerializer, request)
        try:
            target = merging.target_of(wanted["target"])
            may_touch(request, target, "view")
            if wanted["dry_run"]:
                return Response(_preview(target, merging.preview(target, wanted["kept"], wanted["merged"])))
            made = merging.merge(target, wanted["kept"], wanted["merged"], wanted["choices"], user=person(request))
        except NotMergeable as refused:
            raise Problem(409, str(refused), kind="not-mergeable") from None
        return Response(MergeSerializer(made).data, status=201)


class OneMerge(MergesView):
    @operation("Show a merge", "Who went into whom.", tag=TAG, responses={200: (MergeSerializer, examples.MERGE)})
    def get(self, request: Request, *, merge_id: UUID) -> Response:
        return Response(MergeSerializer(self.merge_of(request, merge_id)).data)


class UndoMerge(MergesView):
    scopes = {"POST": "duplicates:decide"}

    @operation(
        "Undo a merge",
        "Puts every row, reference and link back. What has changed since stays as it is, and is listed in `moved_on`.",
        tag=TAG,
        responses={200: (UndoneSerializer, {"merge": examples.MERGE, "moved_on": []})},
    )
    def post(self, request: Request, *, merge_id: UUID) -> Response:
        try:
            undone = undo(self.merge_of(request, merge_id), user=person(request))
        except NotMergeable as refused:
            raise Problem(409, str(refused), kind="not-undone") from None
        return Response(UndoneSerializer({"merge": undone.merge, "moved_on": undone.moved_on}).data)


def _shown(reviews: list[MatchReview]) -> list[Any]:
    found = [
        {
            "id": one.review.pk,
            "connection": one.review.connection_id,
            "resource": one.review.resource,
            "external_id": one.review.external_id,
            "target": one.review.target,
            "state": one.review.state,
            "score": one.review.score,
            "data": one.review.record,
            "candidates": [candidate._asdict() for candidate in one.candidates],
            "record": one.review.record_id,
            "created_at": one.review.created_at,
            "decided_at": one.review.decided_at,
        }
        for one in showing.questions(reviews)
    ]
    return list(DuplicateSerializer(found, many=True).data)


def _decided(answer: Answer) -> dict[str, Any]:
    review = answer.review
    state = MatchReview.State.OPEN if answer.refused and not review.decided_at else review.state
    return {"id": review.pk, "state": state, "record": review.record_id, "refused": answer.refused}


def _preview(target: Target, preview: merging.Preview) -> dict[str, Any]:
    return {
        "target": target.name,
        "choices": {line.field: proposed for line, proposed, choices in preview.lines if choices},
        "moves": [{"label": label, "count": count} for label, count in preview.moves],
        "links": sum(not of_kept for _, of_kept in preview.links),
        "linked_twice": preview.twice,
    }
