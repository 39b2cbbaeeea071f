"""What a run changed, what happened to a record, and taking a run back, as people see it."""

from __future__ import annotations

from datetime import date
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from finance.models import Invoice, InvoiceLine, Party
from integrations import hub
from integrations.changes import origins
from integrations.sync.models import ResourceState, SyncRun
from members.models import Member, MemberConsent

from .staging import make_connection, make_person, make_run, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def text(answer) -> str:
    return answer.content.decode()


@pytest.fixture
def till(sydney):
    return make_connection(sydney)


@pytest.fixture
def run(sydney, till):
    return make_run(sydney, till, state=SyncRun.State.SUCCEEDED, finished_at=timezone.now(), updated=1)


def as_run(till, run):
    return origins.by(origins.of_connection(till.pk), run.pk)


def invoice(party, **more):
    return Invoice.objects.create(
        type="receivable", number="INV-1", issued_on=date(2026, 2, 3), status="authorised", currency="AUD", party=party,
        subtotal_minor=2000, tax_minor=0, total_minor=2000, **more,
    )  # fmt: skip


def test_a_runs_changes_are_shown_in_words(sydney, admin, till, run):
    with hub.enter(sydney):
        ada, bob = Party.objects.create(name="Ada"), Party.objects.create(name="Bob")
        one = invoice(ada)
        with as_run(till, run):
            Invoice.objects.update(party=bob, total_minor=123450, due_on=date(2026, 3, 4))
            InvoiceLine.objects.create(
                invoice=one, position=1, quantity=1, unit_amount=1, amount_minor=1, description="Membership"
            )
            Party.objects.create(name="Carl")
    page = text(admin.get(f"/marketplace/runs/{run.pk}/changes/"))
    for said in ("INV-1", "Ada", "Bob", "20.00 AUD", "1,234.50 AUD", "4 March 2026", "Tillstream, “Sydney till”"):
        assert said in page
    assert "Lines: “Membership” made" in page
    assert "Party made" in page
    assert f"/marketplace/records/finance.invoice/{one.pk}/history/" in page


def test_pages_of_changes_follow_each_other(sydney, admin, till, run):
    with hub.enter(sydney), as_run(till, run):
        for n in range(60):
            Party.objects.create(name=f"Party number {n}.")
    first = text(admin.get(f"/marketplace/runs/{run.pk}/changes/"))
    assert "Party number 49." in first
    assert "Party number 50." not in first
    following = first.partition('rel="next" href="')[2].partition('"')[0]
    second = text(admin.get(f"/marketplace/runs/{run.pk}/changes/{following}"))
    assert "Party number 50." in second
    assert "Party number 49." not in second
    assert 'rel="next"' not in second
    assert "Party number 0." in text(admin.get(f"/marketplace/runs/{run.pk}/changes/?after=nonsense"))


def test_a_record_tells_who_changed_it_from_all_systems(sydney, admin, till, run):
    with hub.enter(sydney):
        with as_run(till, run):
            ada = Member.objects.create(display_name="Ada", phone="1")
        with origins.by(origins.of_user(User.objects.get(username="chapter-admin"))):
            Member.objects.update(phone="2")
        with origins.by(f"undo:{run.pk}"):
            Member.objects.update(phone="1")
        with origins.by(f"api:{uuid4()}"):
            MemberConsent.objects.create(member=ada, channel="email", purpose="news", state="granted")
        with origins.by(""):
            Member.objects.update(phone="3")
    page = text(admin.get(f"/marketplace/records/members.member/{ada.pk}/history/"))
    order = [
        "Directly in the database",
        "An API key that is no longer here",
        "Undo of the sync of customers from “Sydney till”",
        "chapter-admin",
        "Tillstream, “Sydney till”",
    ]
    places = [page.find(f"<strong>{who}</strong>") for who in order]
    assert -1 not in places
    assert places == sorted(places)
    assert "Consents: “email news: granted” made" in page


def test_what_was_overruled_shows_both_sides(sydney, admin, till, run):
    from integrations.changes.overruled import Overruled, tell

    with hub.enter(sydney):
        ada = Member.objects.create(display_name="Ada", phone="ours")
        with as_run(till, run):
            tell("members.member", [Overruled(ada.pk, {"phone": "theirs"}, {"phone": "ours"})])
    page = text(admin.get(f"/marketplace/records/members.member/{ada.pk}/history/"))
    assert "Ours, which stays" in page
    assert "theirs lost by the rule of the field" in page


def test_a_deleted_record_still_tells_its_history(sydney, admin):
    with hub.enter(sydney):
        ada = Member.objects.create(display_name="Ada Lovelace")
        pk = ada.pk
        ada.delete()
    page = text(admin.get(f"/marketplace/records/members.member/{pk}/history/"))
    assert "Ada Lovelace" in page
    assert "Member deleted" in page


def test_histories_are_for_who_may_see_the_record(sydney, melbourne, admin):
    with hub.enter(sydney):
        ada, one = Member.objects.create(display_name="Ada"), Party.objects.create(name="Bob")
    marketing = sign_in(sydney, make_person(sydney, "Marketing"))
    assert marketing.get(f"/marketplace/records/members.member/{ada.pk}/history/").status_code == 200
    assert marketing.get(f"/marketplace/records/finance.party/{one.pk}/history/").status_code == 403
    assert admin.get(f"/marketplace/records/members.member/{one.pk}/history/").status_code == 404
    assert admin.get(f"/marketplace/records/no.such/{one.pk}/history/").status_code == 404
    stranger = sign_in(melbourne, make_person(melbourne, "Chapter admin"))
    assert stranger.get(f"/marketplace/records/members.member/{ada.pk}/history/").status_code == 404


def test_connections_of_other_kinds_are_not_named(sydney, till, run):
    with hub.enter(sydney), as_run(till, run):
        ada = Member.objects.create(display_name="Ada")
    page = text(
        sign_in(sydney, make_person(sydney, "Marketing")).get(f"/marketplace/records/members.member/{ada.pk}/history/")
    )
    assert "Another connection" in page
    assert "Sydney till" not in page


def test_the_administration_leads_to_the_history_from_all_systems(sydney, admin):
    with hub.enter(sydney):
        ada, bob = Member.objects.create(display_name="Ada"), Party.objects.create(name="Bob")
    for app, model, row in (("members", "member", ada), ("finance", "party", bob)):
        page = text(admin.get(f"/admin/{app}/{model}/{row.pk}/change/"))
        assert "History from all systems" in page
        assert f"/admin/marketplace/records/{app}.{model}/{row.pk}/history/" in page
    key = text(admin.get(f"/admin/auth/user/{User.objects.none().count() or 1}/change/", follow=True))
    assert "History from all systems" not in key


def test_the_number_of_queries_does_not_grow_with_the_changes(sydney, admin, till, run, queries_of):
    with hub.enter(sydney), as_run(till, run):
        one = invoice(Party.objects.create(name="A"))
    address = f"/marketplace/runs/{run.pk}/changes/"
    few = queries_of(admin, address)
    with hub.enter(sydney):
        for n in range(20):
            with transaction.atomic(), as_run(till, run):
                Invoice.objects.update(party=Party.objects.create(name=f"P{n}"), total_minor=n)
    assert queries_of(admin, address) <= few
    history = f"/marketplace/records/finance.invoice/{one.pk}/history/"
    assert queries_of(admin, history) <= few + 3


# --- undo -------------------------------------------------------------------------------------------------------------


def test_an_undo_is_previewed_confirmed_and_queued(sydney, admin, till, run):
    with hub.enter(sydney):
        kept = Party.objects.create(name="Kept", phone="1")
        with as_run(till, run):
            Party.objects.update(phone="2")
            needed = Party.objects.create(name="Needed")
            Party.objects.create(name="Plain")
        with origins.by(origins.of_user(User.objects.get(username="chapter-admin"))):
            Party.objects.filter(pk=kept.pk).update(phone="3")
            invoice(needed)
    assert "Undo…" in text(admin.get(f"/marketplace/runs/{run.pk}/"))
    page = text(admin.get(f"/marketplace/runs/{run.pk}/undo/"))
    assert "It was changed since, by chapter-admin." in page
    assert "It is needed: 1 invoice." in page
    assert "the next sync does not bring them back until they change at Tillstream" in page
    assert "also sent" not in page
    answer = admin.post(f"/marketplace/runs/{run.pk}/undo/", follow=True)
    with hub.enter(sydney):
        undo = SyncRun.objects.get(kind="undo")
        assert (undo.undoes_id, undo.state, undo.triggered_by.username) == (run.pk, "queued", "chapter-admin")
    assert answer.redirect_chain[-1][0] == f"/marketplace/runs/{undo.pk}/"
    assert "What it takes back" in text(answer)
    assert "It is being undone." in text(admin.post(f"/marketplace/runs/{run.pk}/undo/", follow=True))


def test_the_result_lists_what_was_left_and_why(sydney, admin, till, run):
    from integrations.sync import undo

    with hub.enter(sydney):
        with as_run(till, run):
            kept = Party.objects.create(name="Kept")
            Party.objects.create(name="Plain")
        with origins.by(""):
            Party.objects.filter(pk=kept.pk).update(phone="3")
        done = undo.carry_out(undo.begin(run))
    page = text(admin.get(f"/marketplace/runs/{done.pk}/"))
    assert "Left as they are" in page
    assert "It was changed since, directly in the database." in page
    assert "1 deleted again. 1 left as they are" in page


def test_where_a_connection_also_sends_the_page_says_that_old_values_go_out(sydney, admin, till, run):
    with hub.enter(sydney), as_run(till, run):
        Party.objects.create(name="Ada")
    with hub.enter(sydney):
        ResourceState.objects.create(connection=till, resource="customers", sends=True)
    page = text(admin.get(f"/marketplace/runs/{run.pk}/undo/"))
    assert "The customers are also sent: the next sync sends the old values to Tillstream." in page


def test_what_cannot_be_undone_says_why_on_its_page(sydney, admin, run):
    page = text(admin.get(f"/marketplace/runs/{run.pk}/undo/"))
    assert "It changed nothing here" in page
    assert "<button" not in page.partition("<main")[2].partition("</main")[0]
    assert "Undo…" not in text(admin.get(f"/marketplace/runs/{run.pk}/"))


def test_only_who_may_sync_may_undo(sydney, melbourne, till, run):
    with hub.enter(sydney), as_run(till, run):
        Party.objects.create(name="Ada")
    auditor = sign_in(sydney, make_person(sydney, "Auditor"))
    for method in ("get", "post"):
        assert getattr(auditor, method)(f"/marketplace/runs/{run.pk}/undo/").status_code == 403
    assert "Undo…" not in text(auditor.get(f"/marketplace/runs/{run.pk}/"))
    stranger = sign_in(melbourne, make_person(melbourne, "Chapter admin"))
    assert stranger.post(f"/marketplace/runs/{run.pk}/undo/").status_code == 404
    with hub.enter(sydney):
        assert not SyncRun.objects.filter(kind="undo").exists()
