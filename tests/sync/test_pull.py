"""A resource of a connection becomes records here."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from finance.models import Invoice, InvoiceLine, Party
from integrations import hub, registry
from integrations.connections.models import Connection
from integrations.provider import Field, Mapping
from integrations.sync import ending, pull
from integrations.sync.engine import run_sync
from integrations.sync.models import RecordLink, ResourceState, SyncRun
from members.models import Member

from . import testbook
from .testbook import contact, invoice, person
from .vendor import Reply

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def counts(run):
    found = (run.created, run.updated, run.unchanged, run.deleted, run.quarantined)
    assert run.fetched == sum(found)
    return found


def written():
    """What changes whenever any row of these tables is written."""
    with database.cursor() as cursor:
        found = []
        for name in ("finance_party", "integrations_recordlink", "finance_invoice", "finance_invoiceline"):
            cursor.execute(f"SELECT xmin, ctid, id FROM {name} ORDER BY id")
            found += cursor.fetchall()
        return found


def test_records_arrive_with_their_links(ledger, vendor):
    vendor.lists("/contacts", [contact(n) for n in range(7)])
    run = run_sync(ledger, "contacts")
    assert (run.state, counts(run), run.message) == ("succeeded", (7, 0, 0, 0, 0), "7 read: 7 new.")
    party = Party.objects.get(name="Contact 3")
    assert (party.email, party.given_name, party.status, party.version) == ("c3@example.com", "Ada", "active", 1)
    link = RecordLink.objects.get(external_id="c3")
    assert (link.record_id, link.target, link.match, link.state) == (party.pk, "finance.party", "created", "active")
    assert link.base["name"] == "Contact 3"
    ledger.refresh_from_db()
    assert ledger.last_sync_at is not None


def test_one_chapters_records_are_not_the_others(vendor, sydney, melbourne):
    from .conftest import connect

    for chapter, size in ((sydney, 2), (melbourne, 3)):
        with hub.enter(chapter):
            vendor.lists("/contacts", [contact(n, name=f"{chapter.slug} {n}") for n in range(size)])
            assert run_sync(connect(), "contacts").created == size
    with hub.enter(sydney):
        assert sorted(Party.objects.values_list("name", flat=True)) == ["sydney 0", "sydney 1"]
    with hub.enter(melbourne):
        assert Party.objects.count() == RecordLink.objects.count() == 3


def test_two_connections_of_one_chapter_keep_their_records_apart(ledger, vendor):
    from .conftest import connect

    other = connect("Second ledger")
    vendor.lists("/contacts", [contact(1)])
    run_sync(ledger, "contacts")
    vendor.lists("/contacts", [contact(1, name="Somebody else", email="else@example.com")])
    assert run_sync(other, "contacts").created == 1
    assert sorted(Party.objects.values_list("name", flat=True)) == ["Contact 1", "Somebody else"]


def test_a_second_run_writes_nothing(ledger, vendor):
    vendor.lists("/contacts", [contact(n) for n in range(7)])
    vendor.lists("/invoices", [invoice(n) for n in range(3)])
    run_sync(ledger, "contacts")
    run_sync(ledger, "invoices")
    before = written()
    assert counts(run_sync(ledger, "contacts", full=True)) == (0, 0, 7, 0, 0)
    assert counts(run_sync(ledger, "invoices", full=True)) == (0, 0, 3, 0, 0)
    assert written() == before


def test_only_what_changed_is_written(ledger, vendor):
    records = [contact(n) for n in range(7)]
    vendor.lists("/contacts", records)
    run_sync(ledger, "contacts")
    before = dict(Party.objects.values_list("name", "updated_at"))
    records[2]["phone"] = "0400 000 000"
    assert counts(run_sync(ledger, "contacts", full=True)) == (0, 1, 6, 0, 0)
    changed = Party.objects.get(name="Contact 2")
    assert (changed.phone, changed.version) == ("0400 000 000", 2)
    assert changed.updated_at > before["Contact 2"]
    assert set(Party.objects.exclude(pk=changed.pk).values_list("version", flat=True)) == {1}


def test_lines_are_replaced_with_their_invoice(ledger, vendor):
    records = [invoice(1), invoice(2)]
    vendor.lists("/invoices", records)
    run_sync(ledger, "invoices")
    kept = set(InvoiceLine.objects.filter(invoice__number="INV-2").values_list("pk", flat=True))
    records[0]["lines"] = [{"text": "Only", "quantity": 1, "amount": 20}]
    run = run_sync(ledger, "invoices")
    assert counts(run) == (0, 1, 1, 0, 0), run.message
    assert list(InvoiceLine.objects.filter(invoice__number="INV-1").values_list("description", "amount_minor")) == [
        ("Only", 2000)
    ]
    assert set(InvoiceLine.objects.filter(invoice__number="INV-2").values_list("pk", flat=True)) == kept
    assert Invoice.objects.get(number="INV-1").version == 2


@pytest.mark.parametrize(
    ("code", "total", "minor"),
    [("JPY", "1500", 1500), ("KWD", "1.234", 1234), ("AUD", "0.07", 7), ("AUD", "90071992547409.93", 9007199254740993)],
)
def test_no_cent_is_lost_in_any_currency(ledger, vendor, code, total, minor):
    record = invoice(1, currency=code, subtotal="#", total="#", due="#", lines=[{"text": "x", "amount": "#"}])
    body = json.dumps({"items": [record]}).replace('"#"', total)
    vendor.routes["/invoices"] = lambda asked: Reply(body.encode())
    run = run_sync(ledger, "invoices")
    assert run.created == 1, run.message
    found = Invoice.objects.get()
    assert (found.currency, found.total_minor, found.due_minor) == (code, minor, minor)
    assert found.lines.get().amount_minor == minor


def test_references_settle_whichever_comes_first(ledger, vendor):
    vendor.lists("/invoices", [invoice(1), invoice(2), invoice(3, contact={"id": "never"})])
    assert run_sync(ledger, "invoices").state == "succeeded"
    assert Invoice.objects.filter(party=None).count() == 3
    vendor.lists("/contacts", [contact(1), contact(2)])
    run_sync(ledger, "contacts")
    assert Invoice.objects.get(number="INV-1").party.name == "Contact 1"
    assert Invoice.objects.get(number="INV-2").party.name == "Contact 2"
    assert Invoice.objects.get(number="INV-3").party is None
    assert list(RecordLink.objects.filter(refs__isnull=False).values_list("external_id", "refs")) == [
        ("i3", {"party": ["contacts", "never"]})
    ]
    before = written()
    assert run_sync(ledger, "invoices", full=True).unchanged == 3
    assert written() == before


def test_a_reference_that_was_set_here_meanwhile_is_not_settled_away(ledger, vendor):
    vendor.lists("/invoices", [invoice(1)])
    run_sync(ledger, "invoices")
    ours = Party.objects.create(name="Somebody we know")
    Invoice.objects.update(party=ours)
    vendor.lists("/contacts", [contact(1)])
    run_sync(ledger, "contacts")
    assert Invoice.objects.get().party == ours
    assert not RecordLink.objects.filter(refs__isnull=False).exists()


def test_a_reference_that_moves_to_somebody_unknown_is_nobodys_until_they_come(ledger, vendor):
    records = [invoice(1)]
    vendor.lists("/contacts", [contact(1)])
    vendor.lists("/invoices", records)
    run_sync(ledger, "contacts")
    run_sync(ledger, "invoices")
    assert Invoice.objects.get().party.name == "Contact 1"
    records[0]["contact"] = {"id": "c2"}
    run_sync(ledger, "invoices")
    assert Invoice.objects.get().party is None
    vendor.lists("/contacts", [contact(1), contact(2)])
    run_sync(ledger, "contacts", full=True)
    assert Invoice.objects.get().party.name == "Contact 2"


def test_a_reference_that_settled_and_was_then_changed_here_stays(ledger, vendor):
    records = [invoice(1)]
    vendor.lists("/invoices", records)
    vendor.lists("/contacts", [contact(1)])
    run_sync(ledger, "invoices")
    run_sync(ledger, "contacts")
    ours = Party.objects.create(name="Somebody we know")
    Invoice.objects.update(party=ours)
    records[0]["number"] = "INV-9"
    run_sync(ledger, "invoices")
    assert (Invoice.objects.get().number, Invoice.objects.get().party) == ("INV-9", ours)


def test_a_row_deleted_here_is_not_referred_to(ledger, vendor):
    vendor.lists("/contacts", [contact(1)])
    run_sync(ledger, "contacts")
    Party.objects.all().delete()
    vendor.lists("/invoices", [invoice(1)])
    run = run_sync(ledger, "invoices")
    assert (run.state, run.created) == ("succeeded", 1), run.message
    assert Invoice.objects.get().party is None


def test_a_key_that_comes_twice_counts_once_and_the_last_wins(ledger, vendor):
    vendor.lists("/contacts", [contact(1), contact(2), contact(1, name="The last")])
    assert counts(run_sync(ledger, "contacts")) == (2, 0, 0, 0, 0)
    assert sorted(Party.objects.values_list("name", flat=True)) == ["Contact 2", "The last"]


def test_an_incremental_run_asks_only_for_what_changed(ledger, vendor):
    vendor.lists("/contacts", [contact(n) for n in range(7)])
    assert run_sync(ledger, "contacts").full
    state = ResourceState.objects.get(resource="contacts")
    assert datetime.fromisoformat(state.cursor) == datetime(2026, 1, 7, tzinfo=UTC)
    assert "if-modified-since" not in vendor.asked[0].headers
    vendor.asked.clear()
    vendor.lists("/contacts", [contact(n) for n in range(7)] + [contact(99, updated="2026-02-01T10:00:00Z")])
    run = run_sync(ledger, "contacts")
    assert vendor.asked[0].headers["if-modified-since"] == "2026-01-06T23:58:00Z"
    assert (counts(run), run.full) == ((1, 0, 1, 0, 0), False)
    state.refresh_from_db()
    assert state.cursor == "2026-02-01T10:00:00+00:00"


def test_a_record_that_changes_while_others_are_read_is_not_lost(ledger, vendor):
    """Behind the reader a first record changes, before it a last one later still: the cursor stays before both."""
    records = [contact(n) for n in range(8)]
    vendor.lists("/contacts", records)
    plain, began = vendor.routes["/contacts"], timezone.now()

    def change_meanwhile(asked):
        if asked.query["page"] == "2" and "phone" not in records[0]:
            records[0].update(phone="changed", updated=(began + timedelta(minutes=3)).isoformat())
            records[7].update(updated=(began + timedelta(minutes=9)).isoformat())
        return plain(asked)

    vendor.routes["/contacts"] = change_meanwhile
    run_sync(ledger, "contacts")
    state = ResourceState.objects.get()
    assert datetime.fromisoformat(state.cursor) == state.last_complete_at  # when the read began
    run_sync(ledger, "contacts")
    assert Party.objects.get(name="Contact 0").phone == "changed"


def test_a_new_version_of_the_mapping_reads_everything_once(ledger, vendor, monkeypatch):
    vendor.lists("/contacts", [contact(n, mobile=str(n)) for n in range(4)])
    run_sync(ledger, "contacts")
    newer = [
        replace(one, mapping=Mapping(*one.mapping.fields[:-2], Field("phone", "mobile"), version=2))
        if one.name == "contacts"
        else one
        for one in testbook.provider.resources
    ]
    provider = replace(testbook.provider, resources=tuple(newer))
    monkeypatch.setattr(registry, "all_providers", lambda: {"testbook": provider})
    run = run_sync(ledger, "contacts")
    assert (run.full, run.updated) == (True, 4)
    assert sorted(Party.objects.values_list("phone", flat=True)) == ["0", "1", "2", "3"]
    assert not run_sync(ledger, "contacts").full


def test_nothing_new_keeps_the_cursor(ledger, vendor):
    vendor.lists("/contacts", [contact(1)])
    run_sync(ledger, "contacts")
    cursor = ResourceState.objects.get(resource="contacts").cursor
    vendor.routes["/contacts"] = lambda asked: Reply(b"", 304)
    run = run_sync(ledger, "contacts")
    assert (run.state, counts(run), run.message) == ("succeeded", (0, 0, 0, 0, 0), "Nothing new.")
    assert ResourceState.objects.get(resource="contacts").cursor == cursor


def test_the_number_of_queries_does_not_grow_with_the_batch(ledger, vendor, monkeypatch, settings):
    settings.PLAN_ABOVE_RECORDS = 1_000  # so many changes need nobody's approval here
    monkeypatch.setattr(pull, "MOST_PAGES", 10_000)
    monkeypatch.setattr(pull, "MOST_SECONDS", 600)

    def queries(records):
        vendor.lists("/contacts", records)
        vendor.lists("/invoices", [invoice(n, contact={"id": f"c{n}"}) for n in range(len(records))])
        with CaptureQueriesContext(database) as found:
            assert run_sync(ledger, "contacts", full=True).state == "succeeded"
            assert run_sync(ledger, "invoices", full=True).state == "succeeded"
        return len(found)

    few = [contact(n) for n in range(4)]
    many = [contact(n) for n in range(120)]
    queries([])
    first = queries(few)
    more = queries(many)  # some unchanged, most of them new
    changed = queries([contact(n, phone="1") for n in range(120)])
    again = queries([contact(n, phone="2") for n in range(4)])
    assert more <= first + 25, (first, more)  # creating beside changed ones takes a few statements more
    assert abs(changed - again) <= 2, (changed, again)


def test_a_page_larger_than_a_batch_is_applied_in_batches(ledger, vendor, monkeypatch):
    monkeypatch.setattr(pull, "MOST_RECORDS", 4)
    seen = []
    vendor.lists("/offsets", [contact(n) for n in range(2)])
    vendor.routes["/links"] = lambda asked: Reply({"data": {"rows": [contact(n) for n in range(11)]}})
    run = run_sync(ledger, "links", progress=lambda run: seen.append(run.fetched))
    assert (run.created, seen) == (11, [4, 8, 11])


def test_progress_is_told_after_every_batch(ledger, vendor, monkeypatch):
    monkeypatch.setattr(pull, "MOST_PAGES", 1)
    vendor.lists("/offsets", [contact(n) for n in range(5)])
    seen = []
    run_sync(ledger, "offsets", progress=lambda run: seen.append((run.fetched, run.total)))
    assert seen == [(2, None), (4, None), (5, None)]


def test_a_batch_is_written_whole_or_not_at_all(ledger, vendor, monkeypatch):
    monkeypatch.setattr(pull, "MOST_RECORDS", 3)
    vendor.lists("/contacts", [contact(n) for n in range(7)])
    from integrations.sync import links

    saved, calls = links.save, []

    def break_in_the_second(*args):
        calls.append(1)
        if len(calls) == 2:
            raise ZeroDivisionError
        saved(*args)

    monkeypatch.setattr(links, "save", break_in_the_second)
    with pytest.raises(ZeroDivisionError):
        run_sync(ledger, "contacts")
    assert Party.objects.count() == RecordLink.objects.count() == 3
    state = ResourceState.objects.get(resource="contacts")
    assert state.position["place"]["next"] == 2
    assert state.cursor == ""
    assert SyncRun.objects.get().created == 3


def test_people_inside_lists_are_read_per_list(ledger, vendor):
    vendor.lists(
        "/lists", [{"id": "news", "name": "News"}, {"id": "board", "name": "Board"}, {"id": "empty", "name": "E"}]
    )
    vendor.lists("/lists/news/people", [person(n) for n in range(3)])
    vendor.lists("/lists/board/people", [person(2), person(9)])
    vendor.lists("/lists/empty/people", [])
    run_sync(ledger, "lists")
    run = run_sync(ledger, "people")
    assert run.state == "succeeded", run.message
    assert sorted(RecordLink.objects.filter(resource="people").values_list("external_id", flat=True)) == [
        "board/p2", "board/p9", "news/p0", "news/p1", "news/p2",
    ]  # fmt: skip
    both = Member.objects.get(email="p2@example.com")  # one person, in two lists
    assert Member.objects.count() == 4
    assert sorted(both.consents.values_list("purpose", flat=True)) == ["newsletter:board", "newsletter:news"]
    assert counts(run_sync(ledger, "people", full=True)) == (0, 0, 5, 0, 0)


def test_what_one_list_says_of_a_person_leaves_what_the_other_says(ledger, vendor):
    vendor.lists("/lists", [{"id": "board", "name": "Board"}, {"id": "news", "name": "News"}])
    people = [person(2)]
    vendor.lists("/lists/news/people", people)
    vendor.lists("/lists/board/people", [person(2)])
    run_sync(ledger, "lists")
    run_sync(ledger, "people")
    people[0]["state"] = "withdrawn"
    run_sync(ledger, "people", full=True)
    states = dict(Member.objects.get().consents.values_list("purpose", "state"))
    assert states == {"newsletter:board": "granted", "newsletter:news": "withdrawn"}


def test_a_list_that_came_later_is_read_from_its_beginning(ledger, vendor):
    lists = [{"id": "news", "name": "News"}]
    vendor.lists("/lists", lists)
    vendor.lists("/lists/news/people", [person(1)])
    run_sync(ledger, "lists")
    run_sync(ledger, "people")
    lists.append({"id": "old", "name": "Old"})
    vendor.lists("/lists/old/people", [person(7, updated="2001-01-01T00:00:00Z")])
    run_sync(ledger, "lists")
    vendor.asked.clear()
    assert run_sync(ledger, "people").created == 1
    assert ["since" in one.query for one in vendor.asked] == [True, False]


def test_a_list_that_is_gone_does_not_stop_the_others(ledger, vendor):
    vendor.lists("/lists", [{"id": "gone", "name": "Gone"}, {"id": "news", "name": "News"}])
    vendor.lists("/lists/news/people", [person(1)])
    run_sync(ledger, "lists")
    run = run_sync(ledger, "people")
    assert (run.state, run.created) == ("succeeded", 1)


def test_a_connection_that_cannot_be_used_says_what_to_do(ledger, vendor):
    Connection.objects.update(status=Connection.Status.EXPIRED)
    run = run_sync(ledger, "contacts")
    assert run.state == "failed"
    assert "reconnect the connection 'Ledger'" in run.message
    assert "Sydney" in run.message
    assert not vendor.asked


def test_analysis_follows_a_large_load(ledger, vendor, monkeypatch):
    monkeypatch.setattr(ending, "WORTH_ANALYZING", 5)
    vendor.lists("/contacts", [contact(n) for n in range(7)])
    with CaptureQueriesContext(database) as found:
        run_sync(ledger, "contacts")
    assert sum("ANALYZE" in str(query["sql"]) for query in found) == 2


def test_an_old_unfinished_read_begins_anew(ledger, vendor):
    vendor.lists("/contacts", [contact(n) for n in range(4)])
    run_sync(ledger, "contacts")
    state = ResourceState.objects.get(resource="contacts")
    kept = (timezone.now() - timedelta(days=2)).isoformat()
    state.position = {"read": "x", "mapping": state.mapping, "began": kept, "kept": kept, "since": None, "newest": None, "count": 3,
                      "doubtful": False, "place": {"next": 2}}  # fmt: skip
    state.save()
    vendor.asked.clear()
    run_sync(ledger, "contacts", full=True)
    assert vendor.asked[0].query["page"] == "1"
