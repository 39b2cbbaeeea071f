"""Possible duplicates and merges, as partners decide them."""

from __future__ import annotations

import pytest

from integrations import hub
from integrations.matching.models import MatchReview, Merge
from integrations.sync.models import RecordLink
from members.models import Member

from .conftest import problem

pytestmark = [pytest.mark.django_db, pytest.mark.services]

USUAL = ("integrations.view_connection", "integrations.sync_connection", "integrations.use_commerce")


def review(chapter, connection, number=1) -> MatchReview:
    with hub.enter(chapter):
        ours = Member.objects.create(display_name="Tom Novak", email=f"n{number}@example.com")
        reasons = [{"words": "same e-mail address", "points": 50, "effect": ""}]
        return MatchReview.objects.create(
            connection=connection, resource="people", external_id=f"p{number}", target="members.member", score=50,
            candidates=[{"id": str(ours.pk), "score": 50, "reasons": reasons}],
            record={"display_name": "Eva Novak", "email": f"n{number}@example.com"},
            body=f'{{"id": "p{number}", "name": "Eva Novak", "mail": "n{number}@example.com"}}',
        )  # fmt: skip


@pytest.fixture
def asked(sydney, connect):
    return review(sydney, connect(sydney, "shop"))


def test_possible_duplicates_are_listed_with_their_candidates(sydney, with_key, asked):
    (found,) = with_key(sydney, "records:read").get("duplicates").json()["results"]
    assert (found["id"], found["state"], found["score"]) == (str(asked.pk), "open", 50)
    assert found["data"] == {"display_name": "Eva Novak", "email": "n1@example.com"}
    (candidate,) = found["candidates"]
    assert (candidate["name"], candidate["reasons"]) == ("Tom Novak", ["same e-mail address (+50)"])
    assert candidate["data"]["email"] == "n1@example.com"
    assert with_key(sydney).get(f"duplicates/{asked.pk}").json() == found
    assert with_key(sydney).get("duplicates?state=linked").json()["results"] == []
    assert with_key(sydney).get(f"duplicates?connection={asked.pk}").json()["results"] == []


def test_one_is_decided_and_carried_out_at_once(sydney, with_key, asked):
    caller = with_key(sydney, "duplicates:decide")
    ours = asked.candidates[0]["id"]
    answer = caller.post(f"duplicates/{asked.pk}", {"decision": "link", "record": ours})
    assert answer.json() == {"id": str(asked.pk), "state": "linked", "record": ours, "refused": ""}
    with hub.enter(sydney):
        assert (Member.objects.get().display_name, RecordLink.objects.get().match) == ("Eva Novak", "manual")
    found = problem(caller.post(f"duplicates/{asked.pk}", {"decision": "separate"}), 409, "not-decided")
    assert "decided already" in found["detail"]


def test_many_are_decided_and_one_that_cannot_be_costs_the_others_nothing(sydney, with_key, connect, asked):
    other = review(sydney, asked.connection, 2)
    sent = [
        {"id": str(asked.pk), "decision": "separate"},
        {"id": str(other.pk), "decision": "link", "record": str(other.pk)},
    ]
    answers = with_key(sydney).post("duplicates", {"decisions": sent}).json()["results"]
    assert {one["id"]: (one["state"], bool(one["refused"])) for one in answers} == {
        str(asked.pk): ("separate", False),
        str(other.pk): ("open", True),
    }
    with hub.enter(sydney):
        assert Member.objects.count() == 3


def test_what_is_not_a_decision_is_refused_and_named(sydney, with_key, asked):
    caller = with_key(sydney)
    problem(caller.post(f"duplicates/{asked.pk}", {"decision": "perhaps"}), 400, "invalid")
    problem(caller.post("duplicates", {"decisions": []}), 400, "invalid")
    twice = [{"id": str(asked.pk), "decision": "separate"}] * 2
    problem(caller.post("duplicates", {"decisions": twice}), 400, "invalid")
    nobody = "01980f6e-a3c1-7a52-8f11-6d0f0b7c4e21"
    problem(caller.post("duplicates", {"decisions": [{"id": nobody, "decision": "separate"}]}), 404)
    problem(caller.get(f"duplicates/{nobody}"), 404)


def test_a_person_sees_and_decides_those_of_their_providers_and_kinds_of_record(sydney, signed_in, asked):
    assert signed_in(sydney, *USUAL).get("duplicates").json()["results"] == []
    viewer = signed_in(sydney, "integrations.view_connection", "integrations.use_commerce", "members.view_member")
    assert len(viewer.get("duplicates").json()["results"]) == 1
    problem(viewer.post(f"duplicates/{asked.pk}", {"decision": "dismiss"}), 403)
    decider = signed_in(sydney, *USUAL, "members.view_member")
    assert decider.post(f"duplicates/{asked.pk}", {"decision": "dismiss"}).json()["state"] == "dismissed"


def test_another_chapter_has_other_duplicates_and_merges(sydney, melbourne, with_key, asked):
    stranger = with_key(melbourne)
    assert stranger.get("duplicates").json()["results"] == []
    problem(stranger.post(f"duplicates/{asked.pk}", {"decision": "dismiss"}), 404)
    kept, merged = two(sydney)
    problem(stranger.post("merges", {"target": "members.member", "kept": kept, "merged": merged}), 409, "not-mergeable")
    with hub.enter(sydney):
        assert MatchReview.objects.get().state == "open"
        assert not Merge.objects.exists()


def test_the_list_asks_the_database_a_fixed_number_of_questions(sydney, with_key, asked, django_assert_max_num_queries):
    caller = with_key(sydney)

    def queries():
        with django_assert_max_num_queries(100) as captured:
            caller.get("duplicates")
        return len(captured)

    queries()
    few = queries()
    for number in range(2, 12):
        review(sydney, asked.connection, number)
    assert queries() == few


# --- merging ----------------------------------------------------------------------------------------------------------


def two(chapter) -> tuple[str, str]:
    with hub.enter(chapter):
        kept = Member.objects.create(display_name="Ada Brown", email="ada@example.com")
        merged = Member.objects.create(display_name="Ada Browne", phone="0412345678")
        return str(kept.pk), str(merged.pk)


def test_a_merge_is_looked_at_carried_out_and_undone(sydney, with_key):
    caller, (kept, merged) = with_key(sydney, "duplicates:decide", "records:read"), two(sydney)
    sent = {"target": "members.member", "kept": kept, "merged": merged}
    shown = caller.post("merges", {**sent, "dry_run": True})
    assert (shown.status_code, shown.json()["choices"]) == (200, {"display_name": "kept", "phone": "merged"})
    with hub.enter(sydney):
        assert Member.objects.count() == 2
    answer = caller.post("merges", {**sent, "choices": {"display_name": "merged"}})
    assert answer.status_code == 201
    made = answer.json()
    assert (made["kept"], made["merged"], made["label"], made["undoable"]) == (kept, merged, "Ada Browne", True)
    with hub.enter(sydney):
        ours = Member.objects.get()
        assert (ours.display_name, ours.phone, ours.email) == ("Ada Browne", "0412345678", "ada@example.com")
    assert caller.get(f"merges/{made['id']}").json() == made
    assert caller.get("merges").json()["results"] == [made]
    undone = caller.post(f"merges/{made['id']}/undo").json()
    assert (undone["moved_on"], undone["merge"]["undoable"]) == ([], False)
    with hub.enter(sydney):
        assert Member.objects.count() == 2
    problem(caller.post(f"merges/{made['id']}/undo"), 409, "not-undone")


def test_what_cannot_be_merged_is_refused(sydney, with_key):
    caller, (kept, merged) = with_key(sydney), two(sydney)
    for sent, status in (
        ({"target": "finance.invoice", "kept": kept, "merged": merged}, 409),
        ({"target": "nothing", "kept": kept, "merged": merged}, 409),
        ({"target": "members.member", "kept": kept, "merged": kept}, 409),
        ({"target": "members.member", "kept": kept, "merged": merged, "choices": {"email": "mine"}}, 400),
    ):
        problem(caller.post("merges", sent), status, "not-mergeable" if status == 409 else "invalid")
    with hub.enter(sydney):
        assert Member.objects.count() == 2


def test_a_person_needs_the_permission_to_merge(sydney, signed_in):
    kept, merged = two(sydney)
    sent = {"target": "members.member", "kept": kept, "merged": merged}
    found = problem(signed_in(sydney, *USUAL, "members.view_member").post("merges", sent), 403)
    assert "Chapter admin" in found["detail"]
    problem(signed_in(sydney, *USUAL, "integrations.merge_records").post("merges", sent), 403)
    may = signed_in(sydney, *USUAL, "integrations.merge_records", "members.view_member")
    assert may.post("merges", sent).status_code == 201
    with hub.enter(sydney):
        assert Merge.objects.get().merged_by is not None
