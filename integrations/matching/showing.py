"""Questions about possible duplicates, as pages and partners are shown them: the record of theirs beside those of ours."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from pydantic_core import to_jsonable_python

from integrations import targets
from integrations.targets import Target

from . import sidebyside
from .aliases import standing
from .models import MatchReview
from .score import in_words


class Shown(NamedTuple):
    """A record of ours that theirs may be. `id` is the one that was asked about, `data` what stands for it now, canonical."""

    id: str
    name: str
    score: int
    reasons: list[str]
    data: dict[str, Any]


class Question(NamedTuple):
    """`lines`: their value first, then that of each candidate."""

    review: MatchReview
    target: Target
    name: str
    candidates: list[Shown]
    lines: list[sidebyside.Line]


def reviews_of(providers: Collection[str], kinds: Collection[str]) -> QuerySet[MatchReview]:
    """Those of connections to these providers about these targets."""
    return MatchReview.objects.filter(connection__provider__in=providers, target__in=kinds).select_related("connection")


def questions(reviews: Sequence[MatchReview]) -> list[Question]:
    """A fixed number of statements per kind of record, for any number of reviews."""
    data: dict[str, dict[UUID, dict[str, Any]]] = {}
    known = targets.all_targets()
    for name in {review.target for review in reviews} & known.keys():
        asked = {UUID(one["id"]) for review in reviews if review.target == name for one in review.candidates}
        now = standing(known[name], asked)
        found = sidebyside.records(known[name], set(now.values()))
        data[name] = {one: found[current] for one, current in now.items() if current in found}
    return [_question(review, known[review.target], data[review.target]) for review in reviews if review.target in data]


def _question(review: MatchReview, target: Target, data: dict[UUID, dict[str, Any]]) -> Question:
    candidates = [
        Shown(
            id=one["id"],
            name=sidebyside.name_of(target, data[UUID(one["id"])]),
            score=one["score"],
            reasons=[in_words(reason) for reason in one["reasons"]],
            data=to_jsonable_python(data[UUID(one["id"])]),
        )
        for one in review.candidates
        if UUID(one["id"]) in data
    ]
    parts = {child.field for child in target.children}
    lines = sidebyside.lines(target, [review.record, *(one.data for one in candidates)])
    return Question(
        review=review,
        target=target,
        name=sidebyside.name_of(target, review.record) if review.record else review.external_id,
        candidates=candidates,
        lines=[line for line in lines if line.field not in parts],
    )
