"""What changed here reaches the vendor: only that, once, and nothing comes back."""

from __future__ import annotations

import pytest
from django.db import connection as database
from django.db.models import F
from django.utils import timezone

from finance.models import Invoice, Party
from integrations.changes import feed
from integrations.conflicts.models import Conflict
from integrations.conflicts.resolve import resolve_all
from integrations.mapping.services import save_field_rules
from integrations.sync.models import RecordLink, SyncRun
from integrations.sync.push import switch
from integrations.sync.push.models import OutboundWrite

from .conftest import state_of, sync, two_way

pytestmark = pytest.mark.services


def contacts(shop, count: int = 3) -> None:
    for number in range(count):
        shop.put("contacts", f"c{number}", name=f"Contact {number}", email=f"c{number}@example.com", phone="1")


def invoice_of_ada(shop) -> None:
    shop.put("contacts", "c1", name="Ada")
    what = {"type": "sale", "number": "1", "contact": "c1", "date": "2026-02-03", "status": "draft", "currency": "AUD"}
    money = dict.fromkeys(("subtotal", "total", "due"), 10) | {"tax": 0, "paid": 0, "credited": 0}
    shop.put("invoices", "i1", **what, **money)


def two_way_with_phone_owned_by(owner: str, ledger, shop) -> None:
    contacts(shop)
    sync(ledger)
    save_field_rules(ledger, "contacts", {"phone": {"owner": owner}})
    two_way(ledger)


def edit(who: str, /, **values: object) -> Party:
    party = Party.objects.get(name=who)
    for field, value in values.items():
        setattr(party, field, value)
    party.save()
    return party


def test_what_was_read_is_not_sent(ledger, shop):
    contacts(shop)
    two_way(ledger)
    shop.put("contacts", "c1", name="Renamed there")
    run = sync(ledger)
    assert (run.updated, run.sent, run.message) == (1, 0, run.message)
    assert shop.writes() == []
    assert not OutboundWrite.objects.exists()


def test_a_change_here_is_a_change_there_and_only_of_that_field(ledger, shop):
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", phone="0400 111")
    run = sync(ledger)
    assert (run.state, run.sent) == ("succeeded", 1), run.message
    assert run.message == "3 read: 3 with nothing to change. 1 sent."
    assert shop.bodies() == [{"items": [{"phone": "0400 111", "id": "c1"}]}]
    assert shop.records["contacts"]["c1"]["phone"] == "0400 111"
    assert shop.writes()[0].query == {"each": "1"}
    assert RecordLink.objects.get(external_id="c1").base["phone"] == "0400 111"


def test_what_was_sent_does_not_come_back(ledger, shop):
    contacts(shop)
    two_way(ledger)
    version = edit("Contact 1", phone="0400 111").version
    sync(ledger)
    run = sync(ledger)
    assert (run.created, run.updated, run.sent) == (0, 0, 0)
    assert len(shop.writes()) == 1
    assert Party.objects.get(name="Contact 1").version == version


def test_ten_edits_are_one_write(ledger, shop):
    contacts(shop)
    two_way(ledger)
    for number in range(10):
        edit("Contact 1", phone=str(number))
    assert sync(ledger).sent == 1
    assert len(shop.bodies()) == 1
    assert shop.records["contacts"]["c1"]["phone"] == "9"


def test_a_change_that_was_taken_back_is_not_sent(ledger, shop):
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", phone="2")
    edit("Contact 1", phone="1")
    assert sync(ledger).sent == 0
    assert shop.writes() == []


def test_many_changes_travel_in_few_calls(ledger, shop):
    contacts(shop, 12)
    two_way(ledger)
    Party.objects.update(phone=F("number"), given_name="Ada")
    run = sync(ledger)
    assert (run.sent, len(shop.writes())) == (12, 3)
    assert {one["first"] for one in shop.of("contacts")} == {"Ada"}
    assert len({one.headers["idempotency-key"] for one in shop.writes()}) == 3


def test_a_value_that_was_cleared_here_is_cleared_there(ledger, shop):
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", phone="", email="")
    assert sync(ledger).sent == 1
    assert (shop.records["contacts"]["c1"]["phone"], shop.records["contacts"]["c1"]["email"]) == (None, None)
    assert sync(ledger).sent == 0
    assert Party.objects.get(name="Contact 1").phone == ""


def test_what_has_no_way_out_is_not_sent(ledger, shop):
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", country="AU")
    assert sync(ledger).sent == 0
    assert shop.writes() == []


def test_both_sides_are_merged_before_anything_is_sent(ledger, shop):
    contacts(shop)
    two_way(ledger)
    shop.put("contacts", "c1", first="Grace")
    edit("Contact 1", phone="0400 111")
    run = sync(ledger)
    assert (run.updated, run.sent) == (1, 1)
    there = shop.records["contacts"]["c1"]
    assert (there["first"], there["phone"]) == ("Grace", "0400 111")
    here = Party.objects.get(name="Contact 1")
    assert (here.given_name, here.phone) == ("Grace", "0400 111")


def test_what_is_only_here_stays_here_unless_it_is_to_be_created(ledger, shop):
    contacts(shop)
    two_way(ledger)
    Party.objects.create(name="Only here", email="o@example.com")
    assert sync(ledger).sent == 0
    switch.switch_on(ledger, "contacts", creates=True)
    run = sync(ledger)
    assert run.sent == 1, run.message
    assert shop.made == 1
    link = RecordLink.objects.get(external_id="new1")
    assert (link.match, link.record_id) == ("pushed", Party.objects.get(name="Only here").pk)
    assert sync(ledger).sent == 0
    assert Party.objects.count() == 4


def test_what_was_created_there_is_changed_there_afterwards(ledger, shop):
    two_way(ledger, creates=True)
    Party.objects.create(name="Only here", email="o@example.com", country="NZ")
    sync(ledger)
    edit("Only here", phone="5")
    assert sync(ledger).sent == 1
    assert shop.records["contacts"]["new1"]["phone"] == "5"
    assert (shop.made, Party.objects.count()) == (1, 1)


def test_all_that_differed_before_is_found_when_sending_is_switched_on(ledger, shop):
    contacts(shop)
    sync(ledger)
    edit("Contact 0", phone="7")
    run = switch.switch_on(ledger, "contacts", creates=False)
    run = sync(ledger, run=run)
    assert run.sent == 1, run.message
    assert shop.records["contacts"]["c0"]["phone"] == "7"
    assert not state_of(ledger).comparing


def test_nothing_is_sent_before_it_is_switched_on_nor_after_it_is_off(ledger, shop):
    contacts(shop)
    sync(ledger)
    edit("Contact 0", phone="7")
    sync(ledger)
    assert shop.writes() == []
    two_way(ledger)
    switch.switch_off(ledger, "contacts")
    edit("Contact 0", phone="8")
    sync(ledger)
    assert shop.records["contacts"]["c0"]["phone"] == "7"


def test_what_was_deleted_here_stays_there_and_that_is_said(ledger, shop):
    contacts(shop)
    two_way(ledger)
    Party.objects.get(name="Contact 1").delete()
    run = sync(ledger)
    assert "1 deleted here stay at Shop: a sync deletes nothing there." in run.message
    assert "c1" in shop.records["contacts"]


def test_what_cannot_be_undone_is_not_sent_and_says_so(ledger, shop):
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", status="archived")
    run = sync(ledger)
    assert (run.state, run.sent, run.refused) == ("partial", 0, 1)
    assert "cannot be undone" in OutboundWrite.objects.get().answer
    assert shop.writes() == []


def test_one_that_the_vendor_refuses_never_stops_the_others(ledger, shop):
    contacts(shop)
    two_way(ledger)
    shop.refuse["Bad"] = "That name is taken"
    edit("Contact 0", name="Bad")
    edit("Contact 1", name="Good")
    run = sync(ledger)
    assert (run.state, run.sent, run.refused) == ("partial", 1, 1)
    refused = OutboundWrite.objects.get(state="refused")
    assert refused.answer == "Shop said: “That name is taken”"
    assert (refused.body, refused.said) == ("", None)
    assert shop.records["contacts"]["c1"]["name"] == "Good"
    sync(ledger)
    assert len(shop.writes()) == 1, "it is not tried again by itself"
    edit("Bad", name="Better")
    assert sync(ledger).sent == 1
    assert not OutboundWrite.objects.exclude(state="done").exists()


def test_our_own_record_that_is_not_valid_is_refused_with_the_reason(ledger, shop):
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", email="no address")
    run = sync(ledger)
    assert (run.sent, run.refused) == (0, 1)
    assert OutboundWrite.objects.get().answer.startswith("Our own record is not valid. email: ")


def test_what_the_vendor_spells_otherwise_is_taken_over(ledger, shop):
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", phone="0400 111")
    shop.after = lambda: shop.put("contacts", "c1", phone="+61 400 111") and None
    sync(ledger)
    shop.after = None
    sync(ledger)
    assert Party.objects.get(name="Contact 1").phone == "+61 400 111"
    assert sync(ledger).sent == 0
    assert len(shop.writes()) == 1


def test_an_edit_made_while_the_first_was_on_its_way_is_sent_as_well(ledger, shop):
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", phone="1st")
    edits = [lambda: Party.objects.filter(name="Contact 1").update(phone="2nd")]
    shop.after = lambda: edits and _beside(edits.pop())
    sync(ledger)
    shop.after = None
    sync(ledger)
    assert shop.records["contacts"]["c1"]["phone"] == "2nd"
    assert Party.objects.get(name="Contact 1").phone == "2nd"
    assert sync(ledger).sent == 0


def _beside(work) -> None:
    """In the vendor's thread, on a connection of its own."""
    from integrations import hub

    with hub.enter("sydney"):
        work()
    database.close()


def test_a_reference_goes_out_as_their_key(ledger, shop):
    invoice_of_ada(shop)
    shop.put("contacts", "c2", name="Grace")
    sync(ledger)
    two_way(ledger, "invoices")
    invoice = Invoice.objects.get()
    invoice.party = Party.objects.get(name="Grace")
    invoice.save()
    assert sync(ledger, "invoices").sent == 1
    assert shop.bodies() == [{"contact": "c2"}]


def test_what_refers_to_something_unknown_there_waits_for_it(ledger, shop):
    invoice_of_ada(shop)
    two_way(ledger, creates=True)
    two_way(ledger, "invoices")
    invoice = Invoice.objects.get()
    invoice.party = Party.objects.create(name="Grace", email="g@example.com")
    invoice.save()
    run = sync(ledger, "invoices")
    assert (run.sent, run.state) == (0, "succeeded")
    assert "1 wait for another record" in run.message
    assert "does not know its party yet" in OutboundWrite.objects.get().answer
    assert sync(ledger).sent == 1
    assert sync(ledger, "invoices").sent == 1
    assert shop.records["invoices"]["i1"]["contact"] == "new1"


def test_a_record_that_is_only_read_whole_is_read_again_before_it_is_changed(ledger, shop):
    shop.put("clients", "c1", name="Ada", phone="1")
    two_way(ledger, "clients")
    shop.put("clients", "c1", first="Countess")
    edit("Ada", phone="2")
    shop.asked.clear()
    run = SyncRun.objects.create(connection=ledger, resource="clients", trigger="change")
    run = sync(ledger, "clients", run=run)
    assert [f"{one.method} {one.path}" for one in shop.asked] == ["GET /clients/c1", "POST /clients/c1"]
    assert (run.fetched, run.sent, run.message) == (0, 1, "1 sent.")
    here = Party.objects.get(name="Ada")
    assert (here.given_name, here.phone) == ("Countess", "2")
    assert shop.bodies() == [{"phone": "2"}]


def test_what_is_gone_there_is_refused_and_not_taken_for_a_record(ledger, shop):
    shop.put("clients", "c1", name="Ada", phone="1")
    two_way(ledger, "clients")
    shop.records["clients"]["c1"] = {"id": "c1", "deleted": True}
    edit("Ada", phone="2")
    run = SyncRun.objects.create(connection=ledger, resource="clients", trigger="change")
    run = sync(ledger, "clients", run=run)
    assert (run.sent, run.refused) == (0, 1)
    assert OutboundWrite.objects.get().answer == "Shop does not have this record any more."
    assert Party.objects.get().name == "Ada"


def test_the_place_in_the_feed_moves_with_the_wishes(ledger, shop):
    contacts(shop)
    two_way(ledger)
    edit("Contact 1", phone="2")
    sync(ledger)
    consumer = f"push:{ledger.pk}:contacts"
    left = feed.read(feed.position_of(consumer), target="finance.party", but_not=f"connection:{ledger.pk}")
    assert left == []


def test_a_resource_that_is_only_read_cannot_be_switched_on(ledger, shop):
    with pytest.raises(switch.CannotSend, match="Shop takes no read only from us: they are only read"):
        switch.switch_on(ledger, "read_only", creates=False)


def test_a_field_in_conflict_is_not_sent_until_a_person_has_decided(ledger, shop):
    two_way_with_phone_owned_by("ask", ledger, shop)
    edit("Contact 1", phone="ours", given_name="Ada")
    shop.put("contacts", "c1", phone="theirs")
    run = sync(ledger)
    assert (run.conflicts, run.sent) == (1, 1)
    there = shop.records["contacts"]["c1"]
    assert (there["phone"], there["first"]) == ("theirs", "Ada")
    assert sync(ledger).sent == 0
    resolve_all(Conflict.objects.all(), timezone.now(), "ours", origin="user:1")
    assert sync(ledger).sent == 1
    assert shop.records["contacts"]["c1"]["phone"] == "ours"


def test_a_decision_for_theirs_sends_nothing(ledger, shop):
    two_way_with_phone_owned_by("ask", ledger, shop)
    edit("Contact 1", phone="ours")
    shop.put("contacts", "c1", phone="theirs")
    sync(ledger)
    resolve_all(Conflict.objects.all(), timezone.now(), "theirs", origin="user:1")
    assert sync(ledger).sent == 0
    assert Party.objects.get(name="Contact 1").phone == "theirs"
    assert shop.writes() == []


def test_what_is_ours_by_rule_goes_back_to_a_vendor_that_said_otherwise(ledger, shop):
    """Their word is read, loses, and is answered with ours."""
    two_way_with_phone_owned_by("ours", ledger, shop)
    edit("Contact 1", phone="ours")
    assert sync(ledger).sent == 1
    edit("Contact 1", phone="ours, newer")
    shop.put("contacts", "c1", phone="theirs")
    assert sync(ledger).sent == 1
    assert shop.records["contacts"]["c1"]["phone"] == "ours, newer"
    assert Party.objects.get(name="Contact 1").phone == "ours, newer"
    assert sync(ledger).sent == 0
