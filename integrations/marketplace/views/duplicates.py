"""Possible duplicates: what a sync holds until a person says what it is."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from integrations import registry, roles
from integrations.ids import id_of
from integrations.marketplace import access, words
from integrations.marketplace.faces import here, show
from integrations.matching import showing
from integrations.matching.decide import DISMISS, LINK, SEPARATE, Decision, decide
from integrations.matching.models import MatchReview

PER_PAGE = 20
_FIELD = "decision-"


@require_safe
def duplicates(request: HttpRequest) -> HttpResponse:
    """The likeliest first, each beside the records of ours that it may be."""
    access.require_any_role(request.user)
    waiting = _visible(request).filter(state=MatchReview.State.OPEN)
    page = Paginator(waiting.order_by("-score", "pk"), PER_PAGE).get_page(request.GET.get("page"))
    known = registry.all_providers()
    shown = [(question, known[question.review.connection.provider]) for question in showing.questions(page.object_list)]
    may = {provider.slug: roles.may(request.user, "sync", provider) for _, provider in shown}
    context = {
        "page": page,
        "questions": [(question, provider, may[provider.slug]) for question, provider in shown],
        "may_decide": any(may.values()),
        "may_merge": request.user.has_perm(roles.MERGE),
    }
    return show(request, "marketplace/duplicates.html", context)


@require_POST
def decided(request: HttpRequest) -> HttpResponse:
    """What was chosen for each; `all=separate` is for every one on the page that nothing was chosen for."""
    if not request.user.has_perm(roles.ACTS["sync"]):
        raise PermissionDenied(
            "Your account may only look at possible duplicates. Ask your chapter's admin to decide them."
        )
    decisions = _decisions(request)
    if not decisions:
        messages.info(request, "Nothing was chosen.")
        return redirect(here(request).url("duplicates"))
    reviews = list(_visible(request).filter(pk__in=[one.review for one in decisions])[:PER_PAGE])
    for review in reviews:
        access.require(request.user, "sync", access.provider_or_404(review.connection.provider))
    answers = decide(reviews, decisions, user=request.user)
    done = [answer for answer in answers if not answer.refused]
    if done:
        messages.success(request, f"{words.count(len(done), 'record')} decided and brought up to date.")
    for answer in answers:
        if answer.refused:
            messages.warning(request, f"{answer.review.external_id}: {answer.refused}")
    return redirect(here(request).url("duplicates"))


def _visible(request: HttpRequest) -> QuerySet[MatchReview]:
    return showing.reviews_of(roles.usable_providers(request.user), roles.targets_seen_by(request.user))


def _decisions(request: HttpRequest) -> list[Decision]:
    for_all = SEPARATE if request.POST.get("all") == SEPARATE else ""
    found = []
    for name, value in request.POST.items():
        review = id_of(name.removeprefix(_FIELD)) if name.startswith(_FIELD) else None
        choice, _, record = (str(value) or for_all).partition(":")
        if review is not None and choice in (LINK, SEPARATE, DISMISS):
            found.append(Decision(review, choice, id_of(record)))
    return found
