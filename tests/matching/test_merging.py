"""Two of our records made one by a person, and made two again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from finance.models import Invoice, Party, Payment
from integrations import hub, targets
from integrations.changes.models import ChangeSet
from integrations.matching import references
from integrations.matching.merging import NotMergeable, merge, preview
from integrations.matching.models import MatchReview, Merge
from integrations.matching.undo import undo
from integrations.sync.engine import run_sync
from integrations.sync.models import RecordLink
from members.models import Member, MemberConsent
from tests.sync.conftest import connect
from tests.sync.testbook import contact, invoice, person

from .people import ours, theirs

pytestmark = [pytest.mark.django_db, pytest.mark.services]

MEMBER, PARTY = "members.member", "finance.party"
TABLES = ("members_member", "members_memberconsent", "finance_party", "finance_invoice", "finance_payment",
          "integrations_recordlink")  # fmt: skip


def everything() -> dict[str, list]:
    """All rows but how often they were changed."""
    found = {}
    with database.cursor() as cursor:
        for name in TABLES:
            cursor.execute(f"SELECT to_jsonb(t) - 'version' - 'updated_at' FROM {name} t ORDER BY id")
            found[name] = [row for (row,) in cursor.fetchall()]
    return found


def two(**more):
    kept = Member.objects.create(**ours("Ada", "Brown", email="ada@example.com", member_number="M-1", tags=["board"]))
    merged = Member.objects.create(
        **{**ours("Ada", "Browne", email="ada@work.example", phone="0412 345 678", tags=["choir", "board"]), **more}
    )
    return kept, merged


def joined(kept, merged, chosen=None, **more):
    return merge(targets.get(MEMBER), kept.pk, merged.pk, chosen or {}, **more)


def consent(member, state, purpose="news"):
    return MemberConsent.objects.create(member=member, channel="email", purpose=purpose, state=state)


def two_parties(vendor, ledger):
    """Each with a link, two invoices and a payment."""
    vendor.lists("/contacts", [contact(1), contact(2)])
    vendor.lists("/invoices", [invoice(n, contact={"id": f"c{n % 2 + 1}"}) for n in range(4)])
    run_sync(ledger, "contacts")
    run_sync(ledger, "invoices")
    first, second = Party.objects.order_by("name")
    Payment.objects.create(party=second, status="succeeded", amount_minor=1, currency="AUD", occurred_at=timezone.now())
    return first, second


def test_what_a_person_chose_is_kept_and_what_was_not_said_is_filled_in(ledger):
    kept, merged = two()
    made = joined(kept, merged, {"family_name": "merged"})
    kept.refresh_from_db()
    assert (kept.given_name, kept.family_name, kept.email) == ("Ada", "Browne", "ada@example.com")
    assert (kept.phone, kept.tags, kept.version) == ("0412 345 678", ["board", "choir"], 2)
    assert list(Member.objects.all()) == [kept]
    assert (made.label, made.merged_id, made.chosen["family_name"]) == ("Ada Browne", merged.pk, "merged")


def test_a_number_that_must_be_unique_can_be_the_merged_ones(ledger):
    kept, merged = two(member_number="M-2")
    made = joined(kept, merged, {"member_number": "merged"})
    kept.refresh_from_db()
    assert kept.member_number == "M-2"
    assert undo(made).moved_on == []
    assert sorted(Member.objects.values_list("member_number", flat=True)) == ["M-1", "M-2"]


def test_of_two_consents_for_one_purpose_the_more_restrictive_counts(ledger):
    kept, merged = two()
    for member, states in ((kept, ("granted", "withdrawn", "granted")), (merged, ("withdrawn", "granted", "granted"))):
        for purpose, state in zip("abc", states, strict=True):
            consent(member, state, purpose)
    consent(merged, "granted", "only theirs")
    joined(kept, merged)
    said = dict(MemberConsent.objects.filter(member=kept).values_list("purpose", "state"))
    assert said == {"a": "withdrawn", "b": "withdrawn", "c": "granted", "only theirs": "granted"}
    assert MemberConsent.objects.count() == 4


def test_links_and_what_refers_to_the_record_become_the_kept_ones(ledger, vendor):
    kept, merged = two_parties(vendor, ledger)
    shown = preview(targets.get(PARTY), kept.pk, merged.pk)
    assert dict(shown.moves) == {"Invoices": 2, "Payments": 1}
    assert shown.twice == ["Ledger: contacts"]
    merge(targets.get(PARTY), kept.pk, merged.pk, {})
    assert set(Invoice.objects.values_list("party", flat=True)) == {kept.pk}
    assert set(Payment.objects.values_list("party", flat=True)) == {kept.pk}
    assert {link.record_id for link in RecordLink.objects.filter(target=PARTY)} == {kept.pk}
    bases = RecordLink.objects.filter(target="finance.invoice").values_list("base__party", flat=True)
    assert set(bases) == {str(kept.pk)}
    vendor.lists("/contacts", [contact(1), contact(2, phone="0298765432")])
    assert run_sync(ledger, "contacts", full=True).updated == 1  # both links stay, and both may say something
    kept.refresh_from_db()
    assert kept.phone == "0298765432"
    assert run_sync(ledger, "invoices", full=True).unchanged == 4


def test_it_is_one_transaction_of_its_own_origin(ledger):
    kept, merged = two()
    made = joined(kept, merged)
    (found,) = ChangeSet.objects.filter(origin=f"merge:{made.pk}")
    assert found.pk == made.changeset


def test_undo_restores_every_row_part_reference_and_link(ledger, vendor):
    kept, merged = two_parties(vendor, ledger)
    Party.objects.filter(pk=kept.pk).update(phone="", tax_number="1")
    Party.objects.filter(pk=merged.pk).update(phone="0298765432", tax_number="2")
    before = everything()
    user = User.objects.create_user("anne")
    made = merge(targets.get(PARTY), kept.pk, merged.pk, {"tax_number": "merged", "name": "merged"}, user=user)
    assert everything() != before
    undone = undo(made, user=user)
    assert undone.moved_on == []
    assert everything() == before
    made.refresh_from_db()
    assert (made.undone_by, made.undone_at is not None) == (user, True)


def test_undo_restores_members_with_their_consents_to_the_last_byte(ledger, vendor):
    vendor.lists(
        "/staff", [person(1), person(2, street="7 Rose Lane", postcode="2010", born="1980-05-17", tags=["a", "b"])]
    )
    run_sync(ledger, "staff")
    kept, merged = Member.objects.order_by("display_name")
    consent(kept, "granted", "both")
    consent(merged, "withdrawn", "both")
    consent(merged, "granted", "theirs")
    consent(kept, "withdrawn", "stays")
    consent(merged, "granted", "stays")
    before = everything()
    made = joined(kept, merged, {"display_name": "merged", "email": "merged"})
    assert undo(made).moved_on == []
    assert everything() == before


def test_what_has_moved_on_since_stays_and_is_listed(ledger, vendor):
    kept, merged = two_parties(vendor, ledger)
    elsewhere = Party.objects.create(name="Elsewhere")
    made = merge(targets.get(PARTY), kept.pk, merged.pk, {"email": "merged"})
    moved = Invoice.objects.get(number="INV-1")
    assert moved.party_id == kept.pk
    Invoice.objects.filter(pk=moved.pk).update(party=elsewhere)
    Party.objects.filter(pk=kept.pk).update(email="new@example.com")
    vendor.lists("/contacts", [contact(1), contact(2, phone="0298765432")])
    run_sync(ledger, "contacts", full=True)
    undone = undo(made)
    assert sorted(undone.moved_on) == [
        "Invoice INV-1: party has changed since.",
        "Link Ledger, contacts c2: it has changed there since; a complete sync brings that.",
        "Party Contact 1: email has changed since.",
    ]
    assert Party.objects.get(pk=kept.pk).email == "new@example.com"
    assert Invoice.objects.get(number="INV-1").party == elsewhere
    assert Invoice.objects.get(number="INV-3").party_id == merged.pk
    run_sync(ledger, "contacts", full=True)
    assert Party.objects.get(pk=merged.pk).phone == "0298765432"


def test_a_number_that_is_used_meanwhile_stays_with_its_new_owner(ledger):
    kept, merged = two(member_number="M-2")
    made = joined(kept, merged)
    Member.objects.create(display_name="New", member_number="M-2")
    assert undo(made).moved_on == ["Member Ada Browne: the member number M-2 is used by another record now."]
    assert Member.objects.get(pk=merged.pk).member_number is None


def test_rows_of_a_part_go_back_each_for_itself(ledger):
    kept, merged = two()
    moved, changed, superseded = (consent(merged, "granted", purpose) for purpose in "abc")
    stands = consent(kept, "withdrawn", "c")
    made = joined(kept, merged)
    elsewhere = Member.objects.create(display_name="Elsewhere")
    MemberConsent.objects.filter(pk=changed.pk).update(member=elsewhere)
    since = consent(kept, "granted", "since")
    assert undo(made).moved_on == ["Member Ada Brown, consents: member has changed since."]
    whose = dict(MemberConsent.objects.values_list("pk", "member"))
    assert whose == {
        moved.pk: merged.pk, superseded.pk: merged.pk, changed.pk: elsewhere.pk, stands.pk: kept.pk, since.pk: kept.pk,
    }  # fmt: skip


def test_what_somebody_has_put_back_already_is_not_listed(ledger):
    kept, merged = two()
    made = joined(kept, merged, {"email": "merged"})
    Member.objects.filter(pk=kept.pk).update(email="ada@example.com")
    assert undo(made).moved_on == []
    assert Member.objects.get(pk=merged.pk).email == "ada@work.example"


def test_an_undo_that_the_database_refuses_changes_nothing(ledger):
    kept, merged = two(member_number="M-2")
    made = joined(kept, merged, {"member_number": "merged"})
    Member.objects.create(display_name="New", member_number="M-1")
    before = everything()
    with pytest.raises(NotMergeable, match="must be unique"):
        undo(made)
    assert everything() == before
    made.refresh_from_db()
    assert made.undone_at is None


def test_a_merge_is_undone_once_and_for_ninety_days(ledger):
    kept, merged = two()
    made = joined(kept, merged)
    Merge.objects.update(created_at=timezone.now() - timedelta(days=91))
    with pytest.raises(NotMergeable, match="90 days"):
        undo(made)
    Merge.objects.update(created_at=timezone.now() - timedelta(days=89))
    undo(made)
    with pytest.raises(NotMergeable, match="undone already"):
        undo(made)
    assert Member.objects.count() == 2


def test_what_cannot_be_merged_is_refused_and_nothing_is_changed(ledger):
    kept, merged = two()
    before = everything()
    money = targets.get("finance.invoice")
    for target, other, chosen, why in (
        (money, merged.pk, {}, "document of its own"),
        (targets.get(MEMBER), kept.pk, {}, "same record"),
        (targets.get(MEMBER), ledger.pk, {}, "no longer there"),
        (targets.get(MEMBER), merged.pk, {"email": "both"}, "one can choose"),
        (targets.get(MEMBER), merged.pk, {"shoe": "kept"}, "no field shoe"),
    ):
        with pytest.raises(NotMergeable, match=why):
            merge(target, kept.pk, other, chosen)
    Member.objects.filter(pk=kept.pk).update(email="nobody")
    with pytest.raises(NotMergeable, match="not valid"):
        joined(kept, merged, {"phone": "merged"})
    Member.objects.filter(pk=kept.pk).update(email="ada@example.com")
    assert everything() == before
    assert not Merge.objects.exists()


def test_a_question_about_a_merged_record_leads_to_the_kept_one(ledger, vendor):
    from integrations.matching.decide import Decision, decide

    kept, merged = two()
    vendor.lists("/staff", [theirs("Eva", "Gray", email="ada@work.example")])
    run_sync(ledger, "staff")
    review = MatchReview.objects.get()
    joined(kept, merged)
    (answer,) = decide([review], [Decision(review.pk, "link", merged.pk)])
    assert answer.refused == ""
    assert RecordLink.objects.get().record_id == kept.pk


def test_the_number_of_statements_does_not_depend_on_the_rows(ledger):
    def statements(rows):
        kept, merged = (Party.objects.create(name=name) for name in ("One", "Two"))
        for n in range(rows):
            Invoice.objects.create(party=merged, type="receivable", number=f"N{n}", issued_on="2026-01-01", status="paid",
                                   currency="AUD", subtotal_minor=0, tax_minor=0, total_minor=0)  # fmt: skip
        with CaptureQueriesContext(database) as asked:
            undo(merge(targets.get(PARTY), kept.pk, merged.pk, {}))
        assert Invoice.objects.filter(party=merged).count() == rows
        return len(asked)

    assert statements(2) == statements(40)


def test_every_table_that_refers_to_a_mergeable_record_is_moved():
    for target in targets.all_targets().values():
        if target.mergeable:
            assert references.unknown_references(target) == []


def test_a_merge_in_one_chapter_touches_no_other(vendor, sydney, melbourne):
    made = {}
    for chapter in (sydney, melbourne):
        with hub.enter(chapter):
            connect()
            made[chapter.slug] = two()
    with hub.enter(melbourne):
        before = everything()
    with hub.enter(sydney):
        undo(joined(*made["sydney"]))
    with hub.enter(melbourne):
        assert everything() == before
