"""Awkward people: each is linked, asked about or taken as somebody new, and nobody is ever linked to somebody else."""

from __future__ import annotations

import pytest

from integrations.matching.models import MatchReview
from integrations.sync.engine import run_sync
from integrations.sync.models import RecordLink
from members.models import Member

from .people import CASES, Case

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def outcome(ledger, vendor, case: Case) -> str:
    """Brings the case's record in, and says what came of it."""
    if case.also:
        vendor.lists("/staff", case.also)
        run_sync(ledger, "staff")
    for one in case.ours:
        Member.objects.create(**one)
    before = set(Member.objects.values_list("pk", flat=True))
    vendor.lists("/staff", [*case.also, case.theirs])
    run = run_sync(ledger, "staff", full=True)
    assert run.quarantined == 0, run.quarantined_records.get().reasons
    if run.held:
        assert (run.held, MatchReview.objects.filter(state="open").count()) == (1, 1)
        assert not RecordLink.objects.filter(external_id=case.theirs["id"]).exists()
        assert set(Member.objects.values_list("pk", flat=True)) == before
        return "review"
    link = RecordLink.objects.get(external_id=case.theirs["id"])
    assert not MatchReview.objects.exists()
    return "linked" if link.record_id in before else "separate"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_awkward_people(ledger, vendor, case):
    assert outcome(ledger, vendor, case) == case.expected
    if case.expected == "linked":
        linked = Member.objects.get(pk=RecordLink.objects.get(external_id="x1").record_id)
        assert f"{case.is_}" in {one["display_name"] for one in case.ours}
        assert linked.birth_date is None or case.is_
    if case.why and case.expected == "review":
        (review,) = MatchReview.objects.all()
        assert case.why in " ".join(reason["words"] for one in review.candidates for reason in one["reasons"])
