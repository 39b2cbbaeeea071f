"""What is only likely waits for a person, and what the person says is carried out at once and remembered."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from integrations import hub
from integrations.connections.models import Connection
from integrations.hub.models import Job
from integrations.matching.decide import Decision, decide
from integrations.matching.models import MatchReview
from integrations.sync.engine import run_sync
from integrations.sync.models import QuarantinedRecord, RecordLink, ResourceState, SyncRun
from members.models import Member
from tests.sync.conftest import connect
from tests.sync.testbook import person

from .people import ours, theirs

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def tom(**more) -> Member:
    return Member.objects.create(**ours("Tom", "Novak", email="novaks@example.com"), **more)


def eva(**more):
    return theirs("Eva", "Novak", **{"email": "novaks@example.com", **more})


def bring(vendor, connection, *records, **how) -> SyncRun:
    vendor.lists("/staff", list(records))
    return run_sync(connection, "staff", full=True, **how)


def the_review() -> MatchReview:
    return MatchReview.objects.get()


def say(review: MatchReview, choice: str, record=None, user=None):
    (answer,) = decide([review], [Decision(review.pk, choice, record)], user=user)
    review.refresh_from_db()
    return answer.refused


def test_a_held_record_is_counted_and_kept_with_its_reasons(ledger, vendor):
    his = tom()
    run = bring(vendor, ledger, eva(), person(5))
    assert (run.created, run.held, run.fetched, run.state) == (1, 1, 2, "succeeded")
    assert "1 held as possible duplicates" in run.message
    review = the_review()
    assert (review.connection, review.resource, review.external_id, review.run) == (ledger, "staff", "x1", run)
    (candidate,) = review.candidates
    assert (candidate["id"], candidate["score"], review.score) == (str(his.pk), 54, 54)
    words = [(one["words"], one["points"], one["effect"]) for one in candidate["reasons"]]
    assert words == [
        ("same e-mail address", 50, ""),
        ("same last name, other first name", 4, ""),
        ("same last name, other first name", 0, "asks"),
    ]
    assert review.record["display_name"] == "Eva Novak"
    assert '"novaks@example.com"' in review.body


def test_the_same_record_again_is_held_once_and_a_newer_one_takes_its_place(ledger, vendor):
    tom()
    bring(vendor, ledger, eva())
    before = MatchReview.objects.values().get()
    assert bring(vendor, ledger, eva()).held == 1
    assert MatchReview.objects.values().get() == before
    bring(vendor, ledger, eva(phone="0412 345 678"))
    after = MatchReview.objects.values().get()
    assert (after["id"], after["record"]["phone"]) == (before["id"], "0412 345 678")


def test_it_is_one_of_ours(ledger, vendor):
    his, user = tom(), User.objects.create_user("anne")
    bring(vendor, ledger, eva(phone="0412 345 678"))
    review = the_review()
    assert say(review, "link", his.pk, user) == ""
    his.refresh_from_db()
    assert (his.given_name, his.phone, Member.objects.count()) == ("Eva", "0412 345 678", 1)
    link = RecordLink.objects.get()
    assert (link.record_id, link.match, link.state) == (his.pk, "manual", "active")
    assert (review.state, review.record_id, review.decided_by) == ("linked", his.pk, user)
    assert (review.record, review.body) == ({}, "")
    run = bring(vendor, ledger, eva(phone="0412 345 678"))
    assert (run.held, run.unchanged) == (0, 1)


def test_it_is_somebody_new(ledger, vendor):
    his = tom()
    bring(vendor, ledger, eva())
    assert say(the_review(), "separate") == ""
    hers = Member.objects.exclude(pk=his.pk).get()
    assert (hers.display_name, RecordLink.objects.get().record_id) == ("Eva Novak", hers.pk)
    assert the_review().state == "separate"
    his.refresh_from_db()
    assert his.version == 1


def test_who_sends_members_elsewhere_is_told_of_a_decision(ledger, vendor):
    second = connect("Second")
    ResourceState.objects.create(connection=second, resource="people", sends=True)
    looks = Job.objects.filter(key=f"{second.pk}:people:send")
    his = tom()
    bring(vendor, ledger, eva())
    looks.delete()
    say(the_review(), "link", his.pk)
    assert looks.count() == 1


def test_it_is_left_out_also_when_it_changes(ledger, vendor):
    tom()
    bring(vendor, ledger, eva())
    say(the_review(), "dismiss")
    run = bring(vendor, ledger, eva(phone="1"))
    assert (run.held, run.created, run.unchanged, Member.objects.count()) == (0, 0, 1, 1)
    assert not RecordLink.objects.exists()


def test_a_pair_that_was_asked_about_is_never_asked_again(ledger, vendor):
    """Not even by a connection to the same account that was made anew and knows no links."""
    Connection.objects.update(account_id="acct-1")
    tom()
    bring(vendor, ledger, eva())
    say(the_review(), "separate")
    Member.objects.filter(display_name="Eva Novak").delete()
    again = connect("Anew")
    Connection.objects.filter(pk=again.pk).update(account_id="acct-1")
    again.refresh_from_db()
    assert bring(vendor, again, eva()).created == 1
    elsewhere = connect("Another account")
    Connection.objects.filter(pk=elsewhere.pk).update(account_id="acct-2")
    elsewhere.refresh_from_db()
    Member.objects.filter(display_name="Eva Novak").delete()
    assert bring(vendor, elsewhere, eva()).held == 1


def test_the_mapping_of_now_counts_and_the_change_is_the_connections(ledger, vendor):
    from integrations.changes.models import ChangeSet
    from integrations.mapping.models import FieldMapping

    his = tom()
    bring(vendor, ledger, eva(phone="0412 345 678", born="1990-01-01"))
    FieldMapping.objects.create(connection=ledger, resource="staff", field="phone", source="")
    say(the_review(), "link", his.pk)
    his.refresh_from_db()
    assert (his.phone, str(his.birth_date)) == ("", "1990-01-01")
    assert ChangeSet.objects.latest("pk").origin == f"connection:{ledger.pk}"


def test_what_cannot_be_taken_over_any_more_stays_open_and_says_so(ledger, vendor):
    from integrations.mapping.models import FieldMapping

    his = tom()
    bring(vendor, ledger, eva())
    FieldMapping.objects.create(connection=ledger, resource="staff", field="birth_date", source="email")
    assert "as it is" in say(the_review(), "link", his.pk)
    assert the_review().state == "open"
    assert QuarantinedRecord.objects.get().reasons[0]["field"] == "birth_date"


def test_a_decision_is_made_once_and_only_for_those_it_was_compared_with(ledger, vendor):
    his = tom()
    stranger = Member.objects.create(display_name="Stranger")
    bring(vendor, ledger, eva())
    assert "compared with" in say(the_review(), "link", stranger.pk)
    assert say(the_review(), "link", his.pk) == ""
    assert say(the_review(), "separate") == "This was decided already."
    assert Member.objects.count() == 2


def test_a_record_of_ours_that_is_gone_is_not_linked(ledger, vendor):
    his = tom()
    bring(vendor, ledger, eva())
    key = his.pk
    his.delete()
    assert "no longer there" in say(the_review(), "link", key)
    assert the_review().state == "open"


def test_many_are_decided_at_once_with_as_many_statements_as_one(ledger, vendor):
    def decided(numbers):
        for n in numbers:
            Member.objects.create(**ours("Tom", f"Novak {n}", email=f"n{n}@example.com"))
        bring(vendor, ledger, *(theirs("Eva", f"Novak {n}", id=f"e{n}", email=f"n{n}@example.com") for n in numbers))
        reviews = list(MatchReview.objects.filter(state="open"))
        assert len(reviews) == len(numbers)
        with CaptureQueriesContext(
            database,
        ) as asked:
            answers = decide(reviews, [Decision(one.pk, "separate") for one in reviews])
        assert [answer.refused for answer in answers] == [""] * len(numbers)
        return len(asked)

    assert decided(range(2)) == decided(range(10, 50))
    assert RecordLink.objects.count() == 42


def test_one_bad_decision_costs_the_others_nothing(ledger, vendor):
    his = tom()
    bring(vendor, ledger, eva(), theirs("Ida", "Novak", id="x2", email="novaks@example.com"))
    first, second = MatchReview.objects.order_by("external_id")
    stranger = Member.objects.create(display_name="Stranger")
    answers = decide([first, second], [Decision(first.pk, "link", stranger.pk), Decision(second.pk, "link", his.pk)])
    assert {answer.review.external_id: bool(answer.refused) for answer in answers} == {"x1": True, "x2": False}


def test_a_question_that_has_answered_itself_is_taken_back(ledger, vendor):
    his = tom()
    bring(vendor, ledger, eva())
    Member.objects.filter(pk=his.pk).update(email="tom@example.com")
    assert bring(vendor, ledger, eva()).created == 1
    assert not MatchReview.objects.exists()


def test_a_held_record_that_is_deleted_there_is_not_asked_about(ledger, vendor):
    tom()
    bring(vendor, ledger, eva())
    bring(vendor, ledger, eva(gone=True))
    assert not MatchReview.objects.exists()
    assert Member.objects.count() == 1


def test_a_plan_asks_nobody(ledger, vendor):
    tom()
    run = bring(vendor, ledger, eva(), plan_only=True)
    assert run.held == 1
    assert not MatchReview.objects.exists()


def test_a_linked_record_is_never_matched_again(ledger, vendor):
    """Renamed there, or merged there into another: it keeps its link, whatever it now looks like."""
    bring(
        vendor,
        ledger,
        theirs("Ada", "Brown", email="ada@example.com"),
        theirs("Bea", "Cole", id="x2", email="bea@example.com"),
    )
    linked = dict(RecordLink.objects.values_list("external_id", "record_id"))
    bring(
        vendor,
        ledger,
        theirs("Bea", "Cole", email="bea@example.com"),
        theirs("Ada", "Brown", id="x2", email="ada@example.com"),
    )
    assert dict(RecordLink.objects.values_list("external_id", "record_id")) == linked
    assert (Member.objects.count(), MatchReview.objects.count()) == (2, 0)
    # x1 was merged into x2 there: only x2 is shown, under the name of the first.
    bring(vendor, ledger, theirs("Bea", "Cole", gone=True), theirs("Bea", "Cole", id="x2", email="bea@example.com"))
    states = {link.external_id: (link.record_id, link.state) for link in RecordLink.objects.all()}
    assert states == {"x1": (linked["x1"], "remote_deleted"), "x2": (linked["x2"], "active")}


def test_of_two_of_theirs_that_are_surely_the_same_one_of_ours_neither_is_linked(ledger, vendor):
    Member.objects.create(**ours("Zoë", "Müller", email="zoe@example.com"))
    run = bring(
        vendor,
        ledger,
        theirs("Zoe", "Muller", email="zoe@example.com"),
        theirs("Zoe", "Mueller", id="x2", email="zoe@example.com"),
    )
    assert (run.held, run.created, RecordLink.objects.count()) == (2, 0, 0)


def test_what_is_created_there_from_here_is_never_held(ledger, vendor):
    from integrations.sync import engine
    from integrations.sync.apply import apply
    from integrations.sync.batch import Route

    his = tom()
    state = engine.positions.state_of(ledger, "staff")
    run = SyncRun.objects.create(connection=ledger, resource="staff")
    provider = engine.registry.get("testbook")
    route: Route = engine._pull(run, ledger, provider.resource("staff"), None).route
    outcome = apply(route, [eva()], state.connection.created_at, match_as=RecordLink.Match.PUSHED)
    assert (outcome.counts.created, outcome.counts.held) == (1, 0)
    assert RecordLink.objects.get().match == "pushed"
    assert RecordLink.objects.get().record_id != his.pk


def test_a_record_within_a_list_is_asked_about_and_its_list_is_kept(ledger, vendor):
    tom()
    vendor.lists("/lists", [{"id": "a", "name": "A"}])
    vendor.lists(
        "/lists/a/people",
        [{**person(1, email="novaks@example.com", first="Eva", last="Novak"), "updated": "2026-01-01T00:00:00Z"}],
    )
    run_sync(ledger, "lists")
    assert run_sync(ledger, "people", full=True).held == 1
    assert the_review().external_id == "a/p1"
    assert say(the_review(), "separate") == ""
    assert RecordLink.objects.get(resource="people").external_id == "a/p1"


def test_what_refers_to_a_held_record_settles_with_the_decision(ledger, vendor, monkeypatch):
    """Parties have no rules of their own, so that these are lent some."""
    import dataclasses

    from finance.models import Invoice, Party
    from integrations import targets
    from integrations.matching.rules import Matching, Rule
    from tests.sync.testbook import contact, invoice

    rules = Matching(rules=(Rule(("email",), "e-mail address", 60, find=True),), link=90, review=50)
    lent = dataclasses.replace(targets.get("finance.party"), matching=rules)
    monkeypatch.setitem(targets._targets, "finance.party", lent)
    ours_ = Party.objects.create(name="Somebody", email="c1@example.com")
    vendor.lists("/contacts", [contact(1)])
    vendor.lists("/invoices", [invoice(1)])
    assert run_sync(ledger, "contacts").held == 1
    run_sync(ledger, "invoices")
    assert Invoice.objects.get().party is None
    assert say(the_review(), "link", ours_.pk) == ""
    assert Invoice.objects.get().party_id == ours_.pk


def test_a_complete_read_that_does_not_show_a_held_record_takes_the_question_back(ledger, vendor, monkeypatch):
    import dataclasses

    from finance.models import Party
    from integrations import targets
    from integrations.matching.rules import Matching, Rule
    from tests.sync.testbook import contact

    rules = Matching(rules=(Rule(("email",), "e-mail address", 60, find=True),), link=90, review=50)
    lent = dataclasses.replace(targets.get("finance.party"), matching=rules)
    monkeypatch.setitem(targets._targets, "finance.party", lent)
    Party.objects.create(name="Somebody", email="c1@example.com")
    vendor.lists("/offsets", [contact(1), contact(2)])
    assert run_sync(ledger, "offsets").held == 1
    vendor.lists("/offsets", [contact(2)])
    run_sync(ledger, "offsets", full=True)
    assert not MatchReview.objects.exists()


def test_a_batch_without_unlinked_records_asks_nothing_more(ledger, vendor):
    people = [person(n) for n in range(3)]
    bring(vendor, ledger, *people)
    with CaptureQueriesContext(database) as asked:
        bring(vendor, ledger, *people)
    assert not [one["sql"] for one in asked if "matchreview" in one["sql"] or "members_member" in one["sql"]]


def test_the_search_has_a_fixed_number_of_statements(ledger, vendor):
    def statements(numbers):
        for n in numbers:
            Member.objects.create(**ours("Tom", f"Novak {n}", email=f"n{n}@example.com"))
        people = [
            theirs("Eva", f"Novak {n}", id=f"e{n}", email=f"n{n}@example.com", phone=f"04120000{n}") for n in numbers
        ]
        with CaptureQueriesContext(database) as asked:
            assert bring(vendor, ledger, *people).held == len(numbers)
        return len(asked)

    statements(range(90, 92))  # the first run makes the resource's state
    assert statements(range(10, 13)) == statements(range(20, 60))


def test_one_chapters_people_are_no_candidates_in_another(vendor, sydney, melbourne):
    with hub.enter(sydney):
        tom()
    with hub.enter(melbourne):
        assert bring(vendor, connect(), eva()).created == 1
        assert not MatchReview.objects.exists()
    with hub.enter(sydney):
        assert bring(vendor, connect(), eva()).held == 1
