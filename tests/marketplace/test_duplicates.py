"""The pages of possible duplicates and merges, on both faces."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from integrations import hub, targets
from integrations.changes.models import Change, ChangeSet
from integrations.matching.merging import merge
from integrations.matching.models import MatchReview, Merge
from integrations.matching.undo import undo
from integrations.sync.models import RecordLink
from members.models import Member

from .staging import make_connection, make_person, make_run, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.services]

FACES = ("/marketplace/", "/admin/marketplace/")


@pytest.fixture
def forms(sydney):
    """A connection that a membership secretary works with, whose `entries` become members."""
    return make_connection(sydney, provider="hostile", name="Sydney forms")


@pytest.fixture
def secretary(sydney):
    return sign_in(sydney, make_person(sydney, "Membership secretary", is_staff=True))


def text(answer) -> str:
    return answer.content.decode()


def member(**more) -> Member:
    return Member.objects.create(
        **{"display_name": "Tom Novak", "email": "novaks@example.com", "phone": "0298765432", **more}
    )


def review(chapter, connection, number=1, **more) -> MatchReview:
    with hub.enter(chapter):
        ours = member()
        reasons = [
            {"words": "same e-mail address", "points": 50, "effect": ""},
            {"words": "same last name, other first name", "points": 0, "effect": "asks"},
        ]
        return MatchReview.objects.create(
            connection=connection, resource="entries", external_id=f"e{number}", target="members.member", score=54,
            candidates=[{"id": str(ours.pk), "score": 54, "reasons": reasons}],
            record={"display_name": f"Eva Novak {number}", "email": "novaks@example.com"}, body='{"id": "e1"}', **more,
        )  # fmt: skip


@pytest.mark.parametrize("face", FACES)
def test_theirs_stands_beside_ours_with_the_reasons_in_words(sydney, secretary, forms, face):
    asked = review(sydney, forms)
    page = text(secretary.get(f"{face}duplicates/"))
    assert "Eva Novak 1" in page
    assert "Here: Tom Novak" in page
    assert "same e-mail address (+50), same last name, other first name (a person decides)" in page
    assert "<mark>Eva Novak 1</mark>" in page
    assert "<td>novaks@example.com</td>" in page, "what is the same is not marked"
    assert f'name="decision-{asked.pk}" value="link:{asked.candidates[0]["id"]}"' in page
    assert f'action="{face}duplicates/decided/"' in page


def test_nobody_waits(secretary):
    assert "Nobody waits for you" in text(secretary.get("/marketplace/duplicates/"))


def test_what_is_left_out_on_the_page_is_left_out(sydney, secretary, forms):
    first, second = review(sydney, forms, 1), review(sydney, forms, 2)
    sent = {f"decision-{first.pk}": "dismiss", f"decision-{second.pk}": ""}
    answer = secretary.post("/marketplace/duplicates/decided/", sent, follow=True)
    assert "1 record decided" in text(answer)
    with hub.enter(sydney):
        assert dict(MatchReview.objects.values_list("external_id", "state")) == {"e1": "dismissed", "e2": "open"}
        assert MatchReview.objects.get(pk=first.pk).decided_by.username == "membership-secretary"


def test_all_that_nothing_was_chosen_for_are_somebody_new(sydney, secretary, forms):
    first, second = review(sydney, forms, 1), review(sydney, forms, 2)
    with hub.enter(sydney):
        evil = "name<script>alert('vendor')</script>"  # what their field is called
        for one in (first, second):
            MatchReview.objects.filter(pk=one.pk).update(body=json.dumps({"id": one.external_id, evil: "Eva"}))
    sent = {f"decision-{first.pk}": "dismiss", f"decision-{second.pk}": "", "all": "separate"}
    assert "2 records decided" in text(secretary.post("/marketplace/duplicates/decided/", sent, follow=True))
    with hub.enter(sydney):
        assert dict(MatchReview.objects.values_list("external_id", "state")) == {"e1": "dismissed", "e2": "separate"}
        assert Member.objects.filter(display_name="Eva").count() == 1


def test_nothing_chosen_changes_nothing(sydney, secretary, forms):
    asked = review(sydney, forms)
    answer = secretary.post(
        "/marketplace/duplicates/decided/", {f"decision-{asked.pk}": "", "decision-x": "link:y"}, follow=True
    )
    assert "Nothing was chosen." in text(answer)


def test_a_refusal_is_said(sydney, secretary, forms):
    asked = review(sydney, forms)
    sent = {f"decision-{asked.pk}": f"link:{forms.pk}"}
    assert "not one of the records it was compared with" in text(
        secretary.post("/marketplace/duplicates/decided/", sent, follow=True)
    )


def test_who_works_with_other_providers_sees_and_decides_nothing(sydney, forms):
    asked = review(sydney, forms)
    marketing = sign_in(sydney, make_person(sydney, "Marketing"))
    assert "Nobody waits for you" in text(marketing.get("/marketplace/duplicates/"))
    marketing.post("/marketplace/duplicates/decided/", {f"decision-{asked.pk}": "dismiss"})
    with hub.enter(sydney):
        assert MatchReview.objects.get().state == "open"


def test_an_auditor_looks_and_decides_nothing(sydney, forms):
    asked = review(sydney, forms)
    auditor = sign_in(sydney, make_person(sydney, "Auditor"))
    page = text(auditor.get("/marketplace/duplicates/"))
    assert "Eva Novak 1" in page
    assert "decision-" not in page
    answer = auditor.post("/marketplace/duplicates/decided/", {f"decision-{asked.pk}": "dismiss"})
    assert answer.status_code == 403


def test_another_chapters_questions_are_not_shown_and_not_decided(sydney, melbourne, forms):
    asked = review(sydney, forms)
    stranger = sign_in(melbourne, make_person(melbourne, "Chapter admin"))
    assert "Nobody waits for you" in text(stranger.get("/marketplace/duplicates/"))
    stranger.post("/marketplace/duplicates/decided/", {f"decision-{asked.pk}": "dismiss"})
    with hub.enter(sydney):
        assert MatchReview.objects.get().state == "open"


def test_the_page_asks_the_database_a_fixed_number_of_questions(sydney, secretary, forms, queries_of):
    review(sydney, forms, 1)
    few = queries_of(secretary, "/marketplace/duplicates/")
    for number in range(2, 15):
        review(sydney, forms, number)
    assert queries_of(secretary, "/marketplace/duplicates/") == few


def test_a_run_leads_to_what_it_holds(sydney, admin, forms):
    run = make_run(sydney, forms, "entries", state="succeeded", held=3)
    assert '<a href="/marketplace/duplicates/">3</a>' in text(admin.get(f"/marketplace/runs/{run.pk}/"))


# --- merging ----------------------------------------------------------------------------------------------------------


def two(chapter, forms) -> tuple[Member, Member]:
    with hub.enter(chapter):
        kept, merged = member(phone=""), member(display_name="Thomas Novak", email="tom@work.example")
        RecordLink.objects.create(
            connection=forms, resource="entries", external_id="e9", target="members.member", record_id=merged.pk,
            content_hash="0" * 32, first_seen=merged.created_at, last_changed=merged.created_at,
        )  # fmt: skip
        return kept, merged


def query(kept, merged) -> dict[str, str]:
    return {"target": "members.member", "kept": str(kept.pk), "merged": str(merged.pk)}


@pytest.mark.parametrize("face", FACES)
def test_two_records_are_found_looked_at_merged_and_parted_again(sydney, secretary, forms, face):
    kept, merged = two(sydney, forms)
    found = text(secretary.get(f"{face}merges/", {"q": "novak", "target": "members.member"}))
    assert "tom@work.example" in found
    assert f'name="kept" value="{kept.pk}"' in found
    page = text(secretary.get(f"{face}merges/new/", query(kept, merged)))
    assert "Nothing has happened yet." in page
    assert "Sydney forms, entries <code>e9</code>" in page
    assert '<input type="radio" name="field-phone" value="merged" checked>' in page
    with hub.enter(sydney):
        assert Member.objects.count() == 2
    answer = secretary.post(f"{face}merges/new/", {**query(kept, merged), "field-email": "merged"}, follow=True)
    assert "“Thomas Novak” was merged. It can be undone for 90 days." in text(answer)
    with hub.enter(sydney):
        made, ours = Merge.objects.get(), Member.objects.get()
        assert (ours.pk, ours.email, ours.phone) == (kept.pk, "tom@work.example", "0298765432")
        assert RecordLink.objects.get().record_id == kept.pk
    assert "Undo this merge" in text(secretary.get(f"{face}merges/{made.pk}/"))
    with hub.enter(sydney):
        Member.objects.update(email="newer@example.com")
    answer = text(secretary.post(f"{face}merges/{made.pk}/undo/", follow=True))
    assert "is a record of its own again" in answer
    assert "Member Tom Novak: email has changed since." in answer
    assert "Undo this merge" not in answer
    with hub.enter(sydney):
        assert Member.objects.count() == 2
    assert "undone" in text(secretary.get(f"{face}merges/"))


def merged_away(chapter, forms) -> tuple[Member, Member, Merge]:
    kept, merged = two(chapter, forms)
    with hub.enter(chapter):
        return kept, merged, merge(targets.get("members.member"), kept.pk, merged.pk, {})


@pytest.mark.parametrize("page", ["change", "history", "delete"])
def test_the_admins_pages_of_a_merged_record_lead_to_the_one_it_became(sydney, admin, forms, page):
    kept, merged, made = merged_away(sydney, forms)
    answer = admin.get(f"/admin/members/member/{merged.pk}/{page}/", follow=True)
    assert answer.redirect_chain == [(f"/admin/members/member/{kept.pk}/change/", 302)]
    assert "The member you asked for was merged into “Tom Novak”, which is shown here." in text(answer)
    assert "Nothing was saved" not in text(answer)
    with hub.enter(sydney):
        undo(made)
    assert f"/{merged.pk}/" in admin.get(f"/admin/members/member/{merged.pk}/{page}/", follow=True).request["PATH_INFO"]


def test_what_is_posted_to_a_merged_record_is_not_saved_into_the_other(sydney, admin, forms):
    _, merged, _ = merged_away(sydney, forms)
    for page, sent in (("change", {"display_name": "Eva"}), ("delete", {"post": "yes"})):
        answer = admin.post(f"/admin/members/member/{merged.pk}/{page}/", sent, follow=True)
        assert "Nothing was saved." in text(answer)
    with hub.enter(sydney):
        assert Member.objects.get().display_name == "Tom Novak"


def test_what_was_never_merged_is_said_not_to_be_there(sydney, melbourne, admin, forms):
    _, merged, _ = merged_away(sydney, forms)
    for key in (uuid4(), "nonsense"):
        answer = admin.get(f"/admin/members/member/{key}/change/", follow=True)
        assert "merged" not in text(answer)
    elsewhere = sign_in(melbourne, make_person(melbourne, "Chapter admin", is_staff=True))
    answer = elsewhere.get(f"/admin/members/member/{merged.pk}/change/", follow=True)
    assert "Tom Novak" not in text(answer)
    assert elsewhere.get(f"/marketplace/records/members.member/{merged.pk}/history/").status_code == 404


@pytest.mark.parametrize("face", FACES)
def test_the_history_of_a_merged_record_says_what_it_became_and_leads_there_when_it_is_forgotten(
    sydney, admin, forms, face
):
    kept, merged, _ = merged_away(sydney, forms)
    address = f"{face}records/members.member/{merged.pk}/history/"
    there = f"{face}records/members.member/{kept.pk}/history/"
    page = text(admin.get(address))
    assert f'This record was merged into <a href="{there}">Tom Novak</a>.' in page
    assert "Thomas Novak" in page
    assert "was merged into" not in text(admin.get(there))
    with hub.enter(sydney):
        Change.objects.all().delete()
        ChangeSet.objects.all().delete()
    answer = admin.get(address, follow=True)
    assert answer.redirect_chain == [(there, 302)]
    assert "was merged into “Tom Novak”, which is shown here." in text(answer)


def test_what_cannot_be_merged_is_said(sydney, secretary, forms):
    kept, merged = two(sydney, forms)
    same = secretary.get("/marketplace/merges/new/", query(kept, kept), follow=True)
    assert "These are the same record." in text(same)
    assert "Choose two records" in text(secretary.get("/marketplace/merges/new/", follow=True))
    invoices = {**query(kept, merged), "target": "finance.invoice"}
    assert "Choose two records" in text(secretary.get("/marketplace/merges/new/", invoices, follow=True))


def test_who_may_not_merge_is_told_so(sydney, forms):
    kept, merged = two(sydney, forms)
    treasurer = sign_in(sydney, make_person(sydney, "Treasurer"))
    for answer in (
        treasurer.get("/marketplace/merges/"),
        treasurer.post("/marketplace/merges/new/", query(kept, merged)),
    ):
        assert answer.status_code == 403
        assert "Membership secretary" in text(answer)
    with hub.enter(sydney):
        assert Member.objects.count() == 2


def test_another_chapters_records_are_not_merged(sydney, melbourne, forms):
    kept, merged = two(sydney, forms)
    stranger = sign_in(melbourne, make_person(melbourne, "Chapter admin"))
    answer = stranger.post("/marketplace/merges/new/", query(kept, merged), follow=True)
    assert "no longer there" in text(answer)
    with hub.enter(sydney):
        assert Member.objects.count() == 2


def test_the_preview_asks_a_fixed_number_of_questions(sydney, secretary, forms, queries_of):
    kept, merged = two(sydney, forms)
    address = "/marketplace/merges/new/?" + "&".join(f"{name}={value}" for name, value in query(kept, merged).items())
    few = queries_of(secretary, address)
    with hub.enter(sydney):
        link = RecordLink.objects.get()
        for number in range(10):
            link.pk, link.external_id = uuid4(), f"more{number}"
            link.save(force_insert=True)
    assert queries_of(secretary, address) == few
