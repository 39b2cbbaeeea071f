"""What a person says about held records, carried out: linked to one of ours, made as somebody new, or left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.db import transaction
from django.utils import timezone

from integrations import registry
from integrations.changes import origins
from integrations.connections.models import Connection
from integrations.mapping.compile import MappingError
from integrations.sync import positions
from integrations.sync.apply import apply
from integrations.sync.batch import Route
from integrations.sync.ending import follow
from integrations.sync.models import RecordLink

from .aliases import standing
from .models import MatchReview

LINK, SEPARATE, DISMISS = "link", "separate", "dismiss"
MOST_AT_ONCE = 200


class Decision(NamedTuple):
    """`record`: which of ours, where `choice` is "link"; one of those that were asked about."""

    review: UUID
    choice: str
    record: UUID | None = None


class Answer(NamedTuple):
    """What came of a decision. `refused` is a sentence for the person; empty where it was carried out."""

    review: MatchReview
    refused: str = ""


def decide(reviews: Iterable[MatchReview], decisions: Sequence[Decision], *, user: Any = None) -> list[Answer]:
    """Carry out decisions about these reviews, each record with the mapping as it is now; a record that was decided already,
    or cannot be taken over, is refused and costs the others nothing. A fixed number of statements per resource.
    """
    wanted = {decision.review: decision for decision in decisions}
    found = sorted((one for one in reviews if one.pk in wanted), key=_of)
    answers: list[Answer] = []
    for _, group in groupby(found, key=_of):
        with transaction.atomic():
            answers += _of_resource(list(group), wanted, user)
    return answers


def _of(review: MatchReview) -> tuple[str, str]:
    return str(review.connection_id), review.resource


def _of_resource(reviews: list[MatchReview], wanted: dict[UUID, Decision], user: Any) -> list[Answer]:
    connection, resource = reviews[0].connection, reviews[0].resource
    positions.state_of(connection, resource)  # not while a batch of a sync is written
    locked = MatchReview.objects.select_for_update(no_key=True).filter(pk__in=[one.pk for one in reviews])
    asked = [Answer(one, _problem(one, wanted[one.pk])) for one in locked.select_related("connection")]
    refused = [answer for answer in asked if answer.refused]
    open_reviews = [answer.review for answer in asked if not answer.refused]
    left_out = [one for one in open_reviews if wanted[one.pk].choice == DISMISS]
    for review in left_out:
        review.state = MatchReview.State.DISMISSED
    brought, not_brought = _bring_in(connection, resource, [one for one in open_reviews if one not in left_out], wanted)
    _close([*left_out, *brought], user)
    return [*refused, *not_brought, *(Answer(review) for review in (*left_out, *brought))]


def _problem(review: MatchReview, decision: Decision) -> str:
    if review.state != MatchReview.State.OPEN:
        return "This was decided already."
    if decision.choice not in (LINK, SEPARATE, DISMISS):
        return f"There is no decision '{decision.choice}': link, separate or dismiss."
    if decision.choice == LINK and str(decision.record) not in {one["id"] for one in review.candidates}:
        return "This is not one of the records it was compared with."
    return ""


def _bring_in(
    connection: Connection, resource: str, reviews: list[MatchReview], wanted: dict[UUID, Decision]
) -> tuple[list[MatchReview], list[Answer]]:
    if not reviews:
        return [], []
    try:
        route = _route(connection, resource)
    except (KeyError, LookupError, MappingError) as error:
        return [], [Answer(review, f"It cannot be taken over now: {error}") for review in reviews]
    refused: list[Answer] = []
    choices: dict[str, UUID | None] = {}
    now_called = standing(route.target, [d.record for one in reviews if (d := wanted[one.pk]).record])
    for review in reviews:
        decision = wanted[review.pk]
        chosen = now_called.get(decision.record) if decision.record and decision.choice == LINK else None
        if decision.choice == LINK and chosen is None:
            refused.append(Answer(review, "The record it should be linked to is no longer there."))
        else:
            choices[review.external_id] = chosen
    brought = [review for review in reviews if review.external_id in choices]
    records = [orjson.loads(review.body) for review in brought]
    with origins.by(origins.of_connection(connection.pk)):
        apply(route, records, timezone.now(), choices=choices)
        follow(connection, [route.resource], changed=True)
    links = dict(
        RecordLink.objects.filter(connection=connection, resource=resource, external_id__in=list(choices))
        .values_list("external_id", "record_id")
    )  # fmt: skip
    for review in brought:
        review.record_id = links.get(review.external_id)
        review.state = MatchReview.State.LINKED if choices[review.external_id] else MatchReview.State.SEPARATE
    refused += [
        Answer(review, "It cannot be taken over as it is: the reasons stand with the records set aside.")
        for review in brought
        if review.record_id is None
    ]
    return [review for review in brought if review.record_id is not None], refused


def _route(connection: Connection, resource: str) -> Route:
    return Route.of(connection, registry.get(connection.provider).resource(resource))


def _close(reviews: list[MatchReview], user: Any) -> None:
    """What the record said is not needed any more; the pairs that were asked about are. The runs that held it show it."""
    for review in reviews:
        review.decided_by, review.decided_at = user, timezone.now()
        review.record, review.body = {}, ""
    fields = ["state", "record_id", "decided_by", "decided_at", "record", "body"]
    MatchReview.objects.bulk_update(reviews, fields, batch_size=MOST_AT_ONCE)
