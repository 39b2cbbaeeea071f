"""A person decides what neither side may."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from finance.models import Invoice, InvoiceLine, Party
from integrations.changes import feed
from integrations.changes.origins import by
from integrations.conflicts import resolve
from integrations.conflicts.models import Conflict
from integrations.conflicts.ours import load
from integrations.mapping.services import save_field_rules
from integrations.sync import conflicts
from integrations.sync.engine import run_sync
from integrations.sync.models import RecordLink
from integrations.targets import get
from members.models import Member, MemberConsent
from tests.sync.testbook import contact, invoice, person

pytestmark = [pytest.mark.django_db, pytest.mark.services]
PERSON = "user:42"


def read(ledger, resource="contacts"):
    run = run_sync(ledger, resource, full=True)
    assert run.state == "succeeded", run.message
    return run


@pytest.fixture
def contacts(ledger, vendor):
    """Three contacts whose phone and first name were changed on both sides."""
    records = [contact(number, phone="1") for number in range(3)]
    vendor.lists("/contacts", records)
    save_field_rules(ledger, "contacts", {"phone": {"owner": "ask"}, "given_name": {"owner": "ask"}})
    read(ledger)
    with by("user:7"):
        Party.objects.update(phone="ours", given_name="Ours")
    for record in records:
        record.update(phone="theirs", first="Theirs")
    assert read(ledger).conflicts == 6
    return records


def stamps(conflicts):
    found = {}
    for conflict in conflicts:
        ours = load(get(conflict.target), [conflict.record_id])[conflict.record_id]
        found[conflict.pk] = resolve.stamp(conflict, ours.value((conflict.field, conflict.part)))
    return found


def decide(resolution, *, value=None, **which):
    found = Conflict.objects.filter(**which)
    return resolve.resolve_seen(Conflict.objects.all(), stamps(found), resolution, origin=PERSON, value=value)


def base_of(conflict):
    return RecordLink.objects.get(pk=conflict.link_id).base.get(conflict.field)


def test_theirs_is_written_here_and_becomes_the_base(contacts):
    one = Conflict.objects.filter(field="phone").first()
    version = Party.objects.get(pk=one.record_id).version
    assert [done.pk for done in decide("theirs", pk=one.pk).resolved] == [one.pk]
    one.refresh_from_db()
    party = Party.objects.get(pk=one.record_id)
    assert (party.phone, party.given_name, party.version) == ("theirs", "Ours", version + 1)
    assert (one.state, one.resolution, one.resolved_by, base_of(one)) == ("resolved", "theirs", PERSON, "theirs")
    told = feed.history("finance.party", party.pk)[0]
    assert (told.origin, told.before, told.after) == (PERSON, {"phone": "ours"}, {"phone": "theirs"})
    assert Conflict.objects.filter(state="open").count() == 5


def test_ours_stays_and_is_yet_to_be_sent(contacts):
    one = Conflict.objects.filter(field="phone").first()
    decide("ours", pk=one.pk)
    assert (Party.objects.get(pk=one.record_id).phone, base_of(one)) == ("ours", "theirs")
    told = feed.history("finance.party", one.record_id)[0]
    assert (told.op, told.origin, told.before, told.after) == (
        "overruled",
        PERSON,
        {"phone": "theirs"},
        {"phone": "ours"},
    )


def test_another_value_is_written_here_and_is_yet_to_be_sent(contacts):
    one = Conflict.objects.filter(field="phone").first()
    decide("value", value="  0400  ", pk=one.pk)
    one.refresh_from_db()
    assert (Party.objects.get(pk=one.record_id).phone, base_of(one)) == ("0400", "theirs")
    assert (one.resolution, one.value) == ("value", "  0400  ")


def test_a_value_that_is_none_is_refused_with_the_reason(contacts):
    one = Conflict.objects.filter(field="phone").first()
    ((conflict, why),) = decide("value", value="x" * 41, pk=one.pk).refused
    assert conflict.pk == one.pk
    assert "This cannot be stored. phone: " in why
    assert "at most 40" in why
    one.refresh_from_db()
    assert (one.state, Party.objects.get(pk=one.record_id).phone) == ("open", "ours")


def test_the_next_read_leaves_a_decision_alone(ledger, contacts):
    decide("ours", field="phone")
    decide("theirs", field="given_name")
    for record in contacts:
        record["email"] = "new@example.com"
    assert read(ledger).conflicts == 0
    assert set(Party.objects.values_list("phone", "given_name")) == {("ours", "Theirs")}


# --- looked at, and changed since -------------------------------------------------------------------------------------


def test_a_conflict_whose_our_side_changed_since_is_refused_and_shown_anew(contacts):
    one = Conflict.objects.filter(field="phone").first()
    seen = stamps([one])
    with by("user:8"):
        Party.objects.filter(pk=one.record_id).update(phone="changed in between")
    decided = resolve.resolve_seen(Conflict.objects.all(), seen, "theirs", origin=PERSON)
    assert (decided.resolved, [why for _, why in decided.refused]) == ([], [resolve.CHANGED])
    one.refresh_from_db()
    assert (one.state, one.ours, one.ours_by, one.version) == ("open", "changed in between", "user:8", 2)
    assert Party.objects.get(pk=one.record_id).phone == "changed in between"


def test_a_conflict_whose_their_side_changed_since_is_refused(ledger, contacts):
    one = Conflict.objects.filter(field="phone").first()
    seen = stamps([one])
    for record in contacts:
        record["phone"] = "theirs again"
    read(ledger)
    (refused,) = resolve.resolve_seen(Conflict.objects.all(), seen, "theirs", origin=PERSON).refused
    assert refused.why == resolve.CHANGED
    assert Party.objects.get(pk=one.record_id).phone == "ours"


def test_a_wrong_stamp_changes_nothing_for_others(contacts):
    one = Conflict.objects.filter(field="phone").first()
    assert resolve.resolve_seen(Conflict.objects.all(), {one.pk: "wrong"}, "theirs", origin=PERSON).refused
    one.refresh_from_db()
    assert (one.state, one.version) == ("open", 1)


def test_what_is_decided_is_not_decided_again(contacts):
    one = Conflict.objects.filter(field="phone").first()
    seen = stamps([one])
    assert resolve.resolve_seen(Conflict.objects.all(), seen, "theirs", origin=PERSON).resolved
    again = resolve.resolve_seen(Conflict.objects.all(), seen, "ours", origin="user:43")
    assert (again.resolved, again.refused) == ([], [])
    one.refresh_from_db()
    assert one.resolved_by == PERSON


def test_nothing_is_decided_about_a_record_that_is_gone(contacts):
    one = Conflict.objects.filter(field="phone").first()
    seen = stamps([one])
    Party.objects.filter(pk=one.record_id).delete()
    (refused,) = resolve.resolve_seen(Conflict.objects.all(), seen, "theirs", origin=PERSON).refused
    assert refused.why == "There is nothing to decide any more: our record was deleted."
    one.refresh_from_db()
    assert one.state == "moot"


def test_nothing_is_decided_about_records_that_are_no_longer_linked(contacts):
    one = Conflict.objects.filter(field="phone").first()
    RecordLink.objects.filter(pk=one.link_id).update(state="unlinked")
    (refused,) = decide("theirs", pk=one.pk).refused
    assert "no longer linked" in refused.why
    assert Party.objects.get(pk=one.record_id).phone == "ours"


# --- many at once -----------------------------------------------------------------------------------------------------


def test_all_of_a_field_are_decided_but_those_that_changed_meanwhile(ledger, contacts):
    phones = Conflict.objects.filter(field="phone")
    as_of = timezone.now()
    edited = phones.first()
    with by("user:8"):
        Party.objects.filter(pk=edited.record_id).update(phone="changed in between")
    decided = resolve.resolve_all(phones, as_of, "theirs", origin=PERSON)
    assert (len(decided.resolved), [one.conflict.pk for one in decided.refused]) == (2, [edited.pk])
    assert sorted(Party.objects.values_list("phone", flat=True)) == ["changed in between", "theirs", "theirs"]
    assert Conflict.objects.filter(field="given_name", state="open").count() == 3


def test_what_was_found_after_the_counting_is_not_decided(contacts):
    before = timezone.now() - timedelta(hours=1)
    decided = resolve.resolve_all(Conflict.objects.all(), before, "theirs", origin=PERSON)
    assert decided.resolved == []
    assert Conflict.objects.filter(state="open").count() == 6


def test_the_number_of_statements_does_not_depend_on_how_many_are_decided(ledger, contacts):
    counts = []
    for field, resolution in (("phone", "theirs"), ("given_name", "theirs")):
        wanted = Conflict.objects.filter(field=field)
        seen = stamps(wanted if field == "phone" else wanted[:1])
        with CaptureQueriesContext(database) as captured:
            assert resolve.resolve_seen(Conflict.objects.all(), seen, resolution, origin=PERSON).resolved
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_amounts_that_only_add_up_together_are_decided_together(ledger, vendor):
    record = invoice(1)
    vendor.lists("/invoices", [record])
    ask = {"owner": "ask"}
    save_field_rules(ledger, "invoices", {"total": ask, "due": ask})
    read(ledger, "invoices")
    with by("user:7"):
        Invoice.objects.update(total_minor=2500, due_minor=2500)
    record.update(total=30.00, due=30.00)
    read(ledger, "invoices")
    assert "due 2500 is not total 3000" in decide("theirs", field="total").refused[0].why
    assert len(decide("theirs").resolved) == 2
    assert Invoice.objects.values_list("total_minor", "due_minor").get() == (3000, 3000)


def test_lists_and_keyed_children_are_decided_too(ledger, vendor):
    records = {"invoices": invoice(1), "staff": person(1, list="a")}
    for name, record in records.items():
        vendor.lists(f"/{name}", [record])
    save_field_rules(ledger, "invoices", {"lines": {"owner": "ask"}})
    save_field_rules(ledger, "staff", {"consents": {"owner": "ask"}})
    for name in records:
        read(ledger, name)
    with by("user:7"):
        InvoiceLine.objects.filter(description="Fee").update(account_code="200")
        MemberConsent.objects.update(state="denied")
        MemberConsent.objects.create(member=Member.objects.get(), channel="sms", purpose="news", state="granted")
    records["invoices"]["lines"][1]["text"] = "Books"
    records["staff"]["state"] = "withdrawn"
    for name in records:
        assert read(ledger, name).conflicts == 1
    assert len(decide("theirs").resolved) == 2
    assert set(InvoiceLine.objects.values_list("description", "account_code")) == {("Fee", ""), ("Books", "")}
    assert set(MemberConsent.objects.values_list("channel", "state")) == {("email", "withdrawn"), ("sms", "granted")}
    assert RecordLink.objects.get(resource="staff").base["consents"][0]["state"] == "withdrawn"


def test_a_conflict_goes_with_its_link_when_records_are_merged(ledger, contacts):
    """Until the next look it is shown with the record that is left, and decided there."""
    one, two = Conflict.objects.filter(field="phone")[:2]
    left = two.record_id
    RecordLink.objects.filter(pk=one.link_id).update(record_id=left)
    Party.objects.filter(pk=one.record_id).delete()
    with by("user:8"):
        Party.objects.filter(pk=left).update(phone="of the one left")
    run_sync(ledger, "contacts")
    one.refresh_from_db()
    assert (one.state, one.record_id, one.ours, one.version) == ("open", left, "of the one left", 2)
    decide("theirs", pk=one.pk)
    assert Party.objects.get(pk=left).phone == "theirs"
    assert conflicts.open_fields_of(ledger, "contacts", [left]) == {left: {"phone", "given_name"}}


# --- taken back -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("resolution", "value"), [("theirs", None), ("ours", None), ("value", "0400")])
def test_a_decision_is_taken_back(contacts, resolution, value):
    one = Conflict.objects.filter(field="phone").first()
    decide(resolution, value=value, pk=one.pk)
    one.refresh_from_db()
    resolve.reopen(one, origin=PERSON)
    one.refresh_from_db()
    assert (one.state, one.resolution, one.value, one.version) == ("open", "", None, 2)
    assert (Party.objects.get(pk=one.record_id).phone, base_of(one)) == ("ours", "1")


def test_what_is_taken_back_is_what_the_person_saw(contacts):
    """Ours was changed after the last read: the person saw that, decided, and gets that back."""
    one = Conflict.objects.filter(field="phone").first()
    with by("user:8"):
        Party.objects.filter(pk=one.record_id).update(phone="seen by the person")
    decide("theirs", pk=one.pk)
    one.refresh_from_db()
    resolve.reopen(one, origin=PERSON)
    assert Party.objects.get(pk=one.record_id).phone == "seen by the person"


def test_a_decision_that_somebody_went_on_from_is_not_taken_back(contacts):
    one, two, three = Conflict.objects.filter(field="phone")
    decide("theirs", field="phone")
    with by("user:8"):
        Party.objects.filter(pk=one.record_id).update(phone="changed since")
    RecordLink.objects.filter(pk=two.link_id).update(base={"name": "Contact 1", "phone": "sent since"})
    Conflict.objects.filter(pk=three.pk).update(resolved_at=timezone.now() - timedelta(days=31))
    for conflict, why in ((one, "changed here since"), (two, "sent, or changed there"), (three, "more than 30 days")):
        with pytest.raises(resolve.CannotUndo, match=why):
            resolve.reopen(conflict, origin=PERSON)
    with pytest.raises(resolve.CannotUndo, match="not decided"):
        resolve.reopen(Conflict.objects.filter(state="open").first(), origin=PERSON)


# --- looked at again when a run ends ----------------------------------------------------------------------------------


def test_ours_made_the_same_as_theirs_needs_nobody(ledger, contacts):
    with by("user:8"):
        Party.objects.update(phone="theirs")
    run_sync(ledger, "contacts")
    assert set(Conflict.objects.filter(field="phone").values_list("state", flat=True)) == {"moot"}
    assert {base_of(one) for one in Conflict.objects.filter(field="phone")} == {"theirs"}


def test_ours_taken_back_lets_theirs_in(ledger, contacts):
    with by("user:8"):
        Party.objects.update(phone="1")
    run_sync(ledger, "contacts")
    assert set(Conflict.objects.filter(field="phone").values_list("state", flat=True)) == {"moot"}
    assert set(Party.objects.values_list("phone", flat=True)) == {"theirs"}
    assert feed.history("finance.party", Party.objects.first().pk)[0].origin == f"connection:{ledger.pk}"


def test_ours_changed_again_is_shown_as_it_is_now(ledger, contacts):
    with by("user:8"):
        Party.objects.update(phone="ours again")
    run_sync(ledger, "contacts")
    found = Conflict.objects.filter(field="phone")
    assert set(found.values_list("state", "ours", "ours_by", "version")) == {("open", "ours again", "user:8", 2)}
