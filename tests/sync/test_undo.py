"""A run taken back: exactly, with what has moved on since listed, and resumable."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from finance.models import Invoice, InvoiceLine, Party
from integrations import hub
from integrations.changes import origins
from integrations.changes.models import Change, ChangeSet
from integrations.connections.models import Connection
from integrations.hub.jobs import Retry
from integrations.hub.models import Job
from integrations.sync import pull, services, undo, undo_job
from integrations.sync.engine import run_sync
from integrations.sync.models import RecordLink, SyncRun
from integrations.sync.undo_preview import preview
from members.models import Member, MemberConsent

from .conftest import connect
from .test_services import carry_out as carry_out_sync
from .test_services import claim, jobs
from .testbook import contact, invoice, person

pytestmark = [pytest.mark.django_db, pytest.mark.services]
TABLES = ("finance_party", "finance_invoice", "finance_invoiceline", "members_member", "members_memberconsent")


def state():
    found = {}
    with database.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT (to_jsonb(t) - 'version' - 'updated_at')::text FROM {table} t ORDER BY 1")
            found[table] = cursor.fetchall()
    return found


def undone(run, **more):
    return undo.carry_out(undo.begin(run, **more))


def undo_jobs():
    return Job.objects.filter(kind="sync.undo")


def test_a_run_taken_back_leaves_what_was_before_and_can_be_put_forward_again(ledger, vendor):
    vendor.lists("/contacts", [contact(1), contact(2)])
    vendor.lists("/invoices", [invoice(1)])
    run_sync(ledger, "contacts")
    run_sync(ledger, "invoices")
    before = state()
    vendor.lists("/invoices", [invoice(1, contact={"id": "c2"}, lines=[{"text": "New", "amount": 20.00}]), invoice(2)])
    run = run_sync(ledger, "invoices")
    after = state()
    back = undone(run)
    assert (back.state, back.plan["deleted"], back.plan["changed"], back.plan["left"]) == ("succeeded", 1, 1, 0)
    assert back.message == "1 deleted again, 1 set back."
    assert state() == before
    assert {one.origin for one in ChangeSet.objects.filter(run_id=back.pk)} == {f"undo:{run.pk}"}
    again = undone(back)
    assert (again.plan["restored"], again.plan["changed"], state()) == (1, 1, after)
    undone(again)
    assert state() == before


def test_the_next_sync_leaves_what_was_undone_until_it_changes_there(ledger, vendor):
    records = [contact(1), contact(2)]
    vendor.lists("/contacts", records[:1])
    run_sync(ledger, "contacts")
    records[0]["phone"] = "1"
    vendor.lists("/contacts", records)
    run = run_sync(ledger, "contacts", full=True)
    undone(run)
    link = RecordLink.objects.get(external_id="c1")
    assert (link.base["phone"], Party.objects.get().phone) == ("1", "")
    assert RecordLink.objects.filter(external_id="c2").exists()
    same = run_sync(ledger, "contacts", full=True)
    assert (same.created, same.updated, same.unchanged, Party.objects.count()) == (0, 0, 2, 1)
    records[1]["phone"], records[0]["phone"] = "9", "8"
    run_sync(ledger, "contacts", full=True)
    assert sorted(Party.objects.values_list("phone", flat=True)) == ["8", "9"]


def test_what_people_changed_since_is_left_and_listed(ledger, vendor):
    vendor.lists("/contacts", [contact(1), contact(2)])
    run_sync(ledger, "contacts")
    vendor.lists("/contacts", [contact(n, phone="1", status="OLD") for n in (1, 2, 3)])
    run = run_sync(ledger, "contacts", full=True)
    with origins.by("user:7"):
        Party.objects.filter(name="Contact 1").update(phone="by hand")
        Party.objects.filter(name="Contact 3").update(phone="by hand")
    told = preview(run)
    assert (told.deleted, told.changed, told.moved, told.used) == (1, 2, 2, 0)
    back = undone(run)
    assert (back.state, back.plan["deleted"], back.plan["changed"], back.plan["left"]) == ("partial", 0, 2, 2)
    assert {(one["why"], *one["fields"]) for one in undo.left(back)} == {("changed", "phone"), ("changed",)}
    one, two, three = (Party.objects.get(name=f"Contact {n}") for n in (1, 2, 3))
    assert (one.phone, one.status, two.phone, two.status) == ("by hand", "active", "", "active")
    assert (three.phone, three.status) == ("by hand", "archived")


def test_records_that_others_need_stay_and_say_who(ledger, vendor):
    other = connect("Second")
    vendor.lists("/contacts", [contact(1), contact(2), contact(3)])
    vendor.lists("/invoices", [invoice(1)])
    run = run_sync(ledger, "contacts")
    run_sync(ledger, "invoices")
    two = Party.objects.get(name="Contact 2")
    known = RecordLink.objects.get(record_id=two.pk)
    known.pk, known.connection, known._state.adding = None, other, True
    known.id = two.pk
    known.save()
    told = preview(run)
    assert (told.deleted, told.used) == (3, 1)
    back = undone(run)
    assert {one["what"] for one in undo.left(back)} == {"1 invoice", "also known as contacts of “Second”"}
    assert set(Party.objects.values_list("name", flat=True)) == {"Contact 1", "Contact 2"}
    assert {one["what"] for one in told.listed} == {one["what"] for one in undo.left(back)}


def test_children_that_others_changed_since_are_left(ledger, vendor):
    vendor.lists("/staff", [person(1, list="a"), person(2, list="a")])
    run_sync(ledger, "staff")
    vendor.lists("/staff", [person(n, list="a", state="withdrawn") for n in (1, 2)])
    run = run_sync(ledger, "staff")
    assert set(MemberConsent.objects.values_list("state", flat=True)) == {"withdrawn"}
    hers = Member.objects.get(display_name="Person 2")
    with origins.by("user:7"):
        MemberConsent.objects.create(member=hers, channel="sms", purpose="x", state="granted")
    back = undone(run)
    assert [(one["part"], one["record"]) for one in undo.left(back)] == [("consents", str(hers.pk))]
    assert MemberConsent.objects.get(member__display_name="Person 1").state == "granted"
    assert set(hers.consents.values_list("state", flat=True)) == {"withdrawn", "granted"}


def test_references_settled_by_a_run_are_open_again(ledger, vendor):
    vendor.lists("/invoices", [invoice(1)])
    run_sync(ledger, "invoices")
    before = state()
    vendor.lists("/contacts", [contact(1)])
    run = run_sync(ledger, "contacts")
    assert Invoice.objects.get().party is not None
    back = undone(run)
    assert (back.state, state()) == ("succeeded", before)


@pytest.mark.parametrize("why", ["unfinished", "planned", "nothing", "twice"])
def test_what_cannot_be_undone_says_why(ledger, vendor, why):
    vendor.lists("/contacts", [contact(1)])
    run = run_sync(ledger, "contacts", plan_only=why == "planned")
    if why == "unfinished":
        SyncRun.objects.update(state="running")
        run.refresh_from_db()
    elif why == "nothing":
        run = run_sync(ledger, "contacts")
    elif why == "twice":
        undone(run)
    sentence = {
        "unfinished": "not over yet", "planned": "only planned", "nothing": "changed nothing here", "twice": "has been undone",
    }[why]  # fmt: skip
    assert sentence in undo.refusal(run)
    with pytest.raises(undo.CannotUndo, match=sentence):
        undo.begin(run)


def test_an_undo_that_left_something_can_be_gone_on_with(ledger, vendor):
    vendor.lists("/contacts", [contact(1), contact(2)])
    vendor.lists("/invoices", [invoice(1)])
    run = run_sync(ledger, "contacts")
    run_sync(ledger, "invoices")
    assert undone(run).state == "partial"
    with origins.by("user:7"):
        InvoiceLine.objects.all().delete()
        Invoice.objects.all().delete()
    back = undone(run)
    assert (back.state, back.plan["deleted"], Party.objects.count()) == ("succeeded", 1, 0)


def test_a_job_takes_it_back_and_reading_waits_for_it(ledger, vendor):
    vendor.lists("/contacts", [contact(1)])
    run = run_sync(ledger, "contacts")
    back = undo.begin(run)
    with pytest.raises(undo.CannotUndo, match="being undone"):
        undo.begin(run)
    services.request_sync(ledger, "contacts")
    reading = jobs(state="ready").get()
    SyncRun.objects.filter(pk=back.pk).update(state="running")
    with pytest.raises(Retry, match="waits until an undo has ended"):
        carry_out_sync(reading)
    SyncRun.objects.filter(resource="contacts", kind="sync", state="queued").update(state="running")
    with pytest.raises(Retry, match="The undo waits until contacts"):  # it is being carried out at this moment
        undo_job.take_back(claim(undo_jobs().get()))
    Job.objects.filter(pk=reading.pk).update(state="ready")
    undo_job.take_back(claim(undo_jobs().get()))
    back.refresh_from_db()
    assert (back.state, undo_jobs().get().state, Party.objects.count()) == ("succeeded", "done", 0)


def test_an_undo_is_no_read_and_goes_on_when_the_connection_ends(ledger, vendor):
    vendor.lists("/contacts", [contact(1)])
    back = undo.begin(run_sync(ledger, "contacts"))
    (asked,) = services.request_sync(ledger, "contacts")
    assert asked.kind == "sync"
    services.cancel_all(ledger)
    asked.refresh_from_db()
    back.refresh_from_db()
    assert (asked.state, back.state) == ("cancelled", "queued")


def test_a_stopped_undo_keeps_what_it_has_done_and_its_rest_can_be_taken_back(committed, vendor, monkeypatch):
    monkeypatch.setattr(pull, "MOST_PAGES", 1)
    vendor.lists("/contacts", [contact(n) for n in range(8)])
    with hub.enter(committed["sydney"]):
        run = run_sync(connect(), "contacts")
        back = undo.begin(run)
        undo.carry_out(back, progress=services.cancel)
        back.refresh_from_db()
        assert (back.state, "taken back stays so" in back.message, Party.objects.count()) == ("cancelled", True, 6)
        assert undone(run).state == "succeeded"
        assert not Party.objects.exists()


def test_the_number_of_statements_does_not_grow_with_the_records(ledger, vendor, monkeypatch):
    monkeypatch.setattr(pull, "MOST_PAGES", 1_000)

    def statements(count):
        vendor.lists("/contacts", [contact(n, phone=str(count)) for n in range(count)])
        run = run_sync(ledger, "contacts", full=True)
        with CaptureQueriesContext(database) as found:
            preview(run)
            assert undone(run).state == "succeeded"
        RecordLink.objects.all().delete()
        return len(found)

    assert statements(3) == statements(60)


@pytest.mark.parametrize("seed", range(4))
def test_the_last_of_any_runs_taken_back_leaves_exactly_what_was_before(ledger, vendor, seed):
    dice = random.Random(seed)
    for _ in range(4):
        before = state()
        people = [n for n in range(12) if dice.random() < 0.8]
        vendor.lists("/contacts", [contact(n, phone=str(dice.randrange(3))) for n in people])
        bills = [
            invoice(n, contact={"id": f"c{dice.randrange(12)}"}, status=dice.choice(["open", "paid"]),
                    lines=[{"text": dice.choice("abc"), "amount": 20.00}] * dice.randrange(3))
            for n in range(12) if dice.random() < 0.8
        ]  # fmt: skip
        vendor.lists("/invoices", bills)
        vendor.lists("/staff", [person(n, list=dice.choice("ab"), phone=str(dice.randrange(3)),
                                       state=dice.choice(["granted", "withdrawn"])) for n in people])  # fmt: skip
        run = run_sync(ledger, dice.choice(["contacts", "invoices", "staff"]), full=True)
        assert run.state == "succeeded", run.message
    if undo.refusal(run):
        assert state() == before
        return
    assert undone(run).state == "succeeded"
    assert state() == before


def test_an_undo_killed_in_the_middle_goes_on_and_ends_the_same(committed, vendor, monkeypatch):
    monkeypatch.setattr(pull, "MOST_PAGES", 1)
    with hub.enter(committed["melbourne"]):
        Party.objects.create(name="Melbourne's")
    with hub.enter(committed["sydney"]):
        connect()
        vendor.lists("/contacts", [contact(n) for n in range(8)])
        run = run_sync(Connection.objects.get(), "contacts")
        back = undo.begin(run)
    command = [sys.executable, "-m", "tests.sync.killed_undo", "sydney", str(back.pk)]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings.test"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as child:
        assert child.stdout.readline() == "in the second\n"
        child.send_signal(signal.SIGKILL)
    with hub.enter(committed["sydney"]):
        back.refresh_from_db()
        assert (back.state, back.plan["done"], Party.objects.count()) == ("running", 1, 6)
        undo.carry_out(back)
        assert (back.state, back.plan["done"], back.plan["deleted"], back.plan["left"]) == ("succeeded", 3, 8, 0)
        assert not Party.objects.exists()
        assert Change.objects.filter(changeset__run_id=back.pk, op="delete").count() == 8
    with hub.enter(committed["melbourne"]):
        assert Party.objects.count() == 1
