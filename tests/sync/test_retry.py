"""Records that were set aside, tried again from here and dismissed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from finance.models import Invoice, Party
from integrations import hub
from integrations.changes import origins
from integrations.changes.models import Change
from integrations.conflicts.models import Conflict
from integrations.connections.models import Connection
from integrations.hub.jobs import claims, sweep, worker
from integrations.hub.models import Job
from integrations.mapping.models import FieldMapping
from integrations.mapping.services import save_field_rules
from integrations.provider import Field, Mapping, convert
from integrations.sync import ending, quarantine, retry, setaside
from integrations.sync.engine import run_sync
from integrations.sync.models import QuarantinedRecord, QuarantineRetry, RecordLink, ResourceState
from integrations.sync.setaside import Which
from members.models import Member

from . import testbook
from .conftest import connect
from .declared import declare
from .testbook import contact, invoice, person
from .vendor import Reply

pytestmark = [pytest.mark.django_db, pytest.mark.services]
EVERYTHING = Which()


def work():
    """Workers take what is due until nothing is."""
    chapter = hub.current()
    while claim := claims.claim():
        worker.run(claim)
    database.set_tenant(chapter)


def tried(ledger, which=EVERYTHING):
    asked = retry.request(ledger, which)
    work()
    asked.refresh_from_db()
    return asked


def open_rows():
    return QuarantinedRecord.objects.filter(resolved_at=None)


def lost(vendor, ledger, numbers):
    """Contacts whose status nobody knows, beside a good one."""
    vendor.lists("/contacts", [contact(0), *(contact(n, status="LOST") for n in numbers)])
    run_sync(ledger, "contacts")


def take_no_status(ledger):
    FieldMapping.objects.create(connection=ledger, resource="contacts", field="status", source="")


def test_what_the_mapping_now_understands_is_taken_without_asking_the_vendor(ledger, vendor):
    lost(vendor, ledger, (1, 2, 3))
    assert open_rows().count() == 3
    take_no_status(ledger)
    vendor.asked.clear()
    done = tried(ledger)
    assert (done.state, done.total, done.tried, done.taken) == ("done", 3, 3, 3)
    assert done.message == "3 of 3 were taken."
    assert (Party.objects.count(), open_rows().count(), vendor.asked) == (4, 0, [])
    assert RecordLink.objects.filter(external_id__in=["c1", "c2", "c3"]).count() == 3


def test_what_still_fails_stays_with_the_reasons_of_now(ledger, vendor, monkeypatch):
    lost(vendor, ledger, (1,))
    mapping = Mapping(*testbook.CONTACT.fields, Field("website", "web", convert.text, required=True))
    declare(monkeypatch, contacts={"mapping": mapping})
    done = tried(ledger)
    row = open_rows().get()
    assert (done.taken, done.message) == (0, "0 of 1 were taken; 1 is still set aside.")
    assert "website" in {reason["field"] for reason in row.reasons}
    assert (row.tries, row.tried_at is not None, row.run is not None) == (1, True, True)


def test_amounts_are_read_back_to_the_last_digit(ledger, vendor, monkeypatch):
    """As a float this total would be another one."""
    names = ("subtotal", "total", "due")
    amounts = ", ".join(f'"{name}": 90071992547409.93' for name in names)
    said = invoice(1, status="LOST", lines=[])
    rest = json.dumps({name: value for name, value in said.items() if name not in names})[:-1]
    total = f'{{"items": [{rest}, {amounts}}}], "more": false}}'.encode()
    vendor.routes["/invoices"] = lambda asked: Reply(total)
    run_sync(ledger, "invoices")
    row = open_rows().get()
    assert ('"total": 90071992547409.93' in row.body, row.form) == (True, "exact")
    status = Field("status", "status", convert.one_of({"LOST": "authorised"}))
    steps = (status if getattr(step, "to", "") == "status" else step for step in testbook.INVOICE.fields)
    declare(monkeypatch, invoices={"mapping": Mapping(*steps)})
    assert tried(ledger).taken == 1, open_rows().get().reasons
    assert Invoice.objects.get().total_minor == 9007199254740993


def test_a_record_of_a_list_is_taken_into_its_list(ledger, vendor):
    vendor.lists("/lists", [{"id": "a", "name": "A"}, {"id": "b", "name": "B"}])
    for key in ("a", "b"):
        vendor.lists(f"/lists/{key}/people", [person(1, born="soon")])
    run_sync(ledger, "lists")
    run_sync(ledger, "people")
    assert set(open_rows().values_list("external_id", flat=True)) == {"a/p1", "b/p1"}
    FieldMapping.objects.create(connection=ledger, resource="people", field="birth_date", source="")
    assert tried(ledger, Which(resource="people")).taken == 2
    assert Member.objects.count() == 1, "the same person in two lists"


def test_what_the_text_cannot_say_is_fetched_again(ledger, vendor, monkeypatch):
    declare(monkeypatch, contacts={"one": "item"})
    vendor.routes["/contacts"] = lambda asked: Reply(
        b'{"items": [{"id": "c1", "name": "Ada\\u0000", "status": "ACTIVE", "updated": "2026-01-01T00:00:00Z"}]}'
    )
    run_sync(ledger, "contacts")
    assert open_rows().get().form == "shown"
    vendor.routes["/contacts/c1"] = lambda asked: Reply({"item": contact(1, name="Ada")})
    assert tried(ledger).taken == 1
    assert Party.objects.get().name == "Ada"


@pytest.mark.parametrize(
    ("one", "reply", "said"),
    [
        (None, None, "the vendor has no address for a single one"),
        ("item", Reply({}, 404), "it is not there any more: dismiss it"),
        ("item", Reply({}, 400), "Testbook refused the request (400)"),
        ("item", Reply({"item": []}), "the vendor answered with something else"),
    ],
)
def test_what_cannot_be_had_again_says_so_once(ledger, vendor, monkeypatch, one, reply, said):
    declare(monkeypatch, contacts={"one": one})
    lost(vendor, ledger, (1,))
    QuarantinedRecord.objects.update(form="shown")
    vendor.routes["/contacts/c1"] = lambda asked: reply
    for _ in range(2):
        assert tried(ledger).taken == 0
    reasons = [reason["message"] for reason in open_rows().get().reasons]
    assert len(reasons) == 2
    assert reasons[1].startswith("cannot be tried again from here: ")
    assert said in reasons[1]


def test_a_pause_of_the_vendors_is_waited_out_and_nothing_is_tried_twice(ledger, vendor, monkeypatch):
    declare(monkeypatch, contacts={"one": "item"})
    monkeypatch.setattr(retry, "BATCH", 1)
    lost(vendor, ledger, (1, 2))
    take_no_status(ledger)
    QuarantinedRecord.objects.filter(external_id="c2").update(form="shown")
    vendor.routes["/contacts/c2"] = lambda asked: Reply({}, 429, {"Retry-After": "600"})
    waiting = tried(ledger)
    assert (waiting.state, waiting.tried, waiting.taken) == ("running", 1, 1)
    job = Job.objects.get(kind="sync.retry", state="ready")
    assert timedelta(minutes=9) < job.run_at - timezone.now() < timedelta(minutes=11)
    vendor.routes["/contacts/c2"] = lambda asked: Reply({"item": contact(2)})
    Job.objects.filter(pk=job.pk).update(run_at=timezone.now())
    work()
    waiting.refresh_from_db()
    assert (waiting.state, waiting.tried, waiting.taken) == ("done", 2, 2)


def test_a_record_without_a_key_gets_its_new_reasons_and_is_taken_when_it_has_one(ledger, vendor, monkeypatch):
    vendor.lists("/contacts", [contact(1, id=None, code="c1")])
    run_sync(ledger, "contacts")
    tried(ledger)
    assert open_rows().count() == 1
    declare(monkeypatch, contacts={"key": "code"})
    assert tried(ledger).taken == 1
    assert RecordLink.objects.get().external_id == "c1"
    assert not open_rows().exists()


def test_only_what_was_asked_for_is_tried(ledger, vendor):
    lost(vendor, ledger, (1, 2, 3))
    take_no_status(ledger)
    old = open_rows().get(external_id="c1")
    QuarantinedRecord.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=3))
    assert tried(ledger, Which(since=timezone.now() - timedelta(days=1))).taken == 2
    assert tried(ledger, Which(resource="invoices")).state == "done"
    assert open_rows().get().pk == old.pk
    assert tried(ledger, Which(ids=(old.pk,))).taken == 1


def test_one_reason_is_counted_and_tried_whatever_line_it_was_in(ledger, vendor):
    bad = [{"text": "Fee", "quantity": "many", "amount": 1}]
    good = [{"text": "Fee", "quantity": 1, "amount": 1}]
    vendor.lists("/invoices", [invoice(1, lines=bad), invoice(2, lines=[*good, *bad]), invoice(3, status="LOST")])
    run_sync(ledger, "invoices")
    found = {(group.field, group.count) for group in setaside.groups(ledger)}
    assert ("lines.*.quantity", 2) in found
    assert ("status", 1) in found
    group = next(group for group in setaside.groups(ledger) if group.field == "lines.*.quantity")
    which = Which(resource=group.resource, field=group.field, message=group.message)
    assert set(which.rows(ledger).values_list("external_id", flat=True)) == {"i1", "i2"}
    assert Which.of("invoices", which.stored()) == which


def test_what_is_dismissed_stays_so_until_the_record_changes_there(ledger, vendor):
    lost(vendor, ledger, (1, 2))
    chief = User.objects.create(username="chief")
    assert setaside.dismiss(ledger, EVERYTHING, "Test data of theirs", user=chief) == 2
    ResourceState.objects.update(cursor="")
    run_sync(ledger, "contacts")
    assert not open_rows().exists()
    assert set(QuarantinedRecord.objects.values_list("dismissed_because", "dismissed_by")) == {
        ("Test data of theirs", chief.pk)
    }
    vendor.lists("/contacts", [contact(1, status="GONE"), contact(2, status="LOST")])
    ResourceState.objects.update(cursor="")
    run_sync(ledger, "contacts")
    assert list(open_rows().values_list("external_id", flat=True)) == ["c1"]
    with pytest.raises(ValueError, match="Say why"):
        setaside.dismiss(ledger, EVERYTHING, "  ")


def test_a_retry_ends_like_a_run_open_conflicts_are_looked_at_and_others_are_told(ledger, vendor):
    second, reads_only = connect("Second"), connect("Third")
    ResourceState.objects.create(connection=second, resource="links", sends=True)
    ResourceState.objects.create(connection=reads_only, resource="links")
    save_field_rules(ledger, "contacts", {"phone": {"owner": "ask"}})
    vendor.lists("/contacts", [contact(1, phone="1"), contact(2, status="LOST")])
    run_sync(ledger, "contacts")
    with origins.by("user:7"):
        Party.objects.update(phone="ours")
    vendor.lists("/contacts", [contact(1, phone="theirs"), contact(2, status="LOST")])
    run_sync(ledger, "contacts", full=True)
    with origins.by("user:7"):
        Party.objects.update(phone="theirs")
    assert Conflict.objects.get().state == "open"
    take_no_status(ledger)
    Job.objects.all().delete()
    assert tried(ledger).taken == 1
    assert Conflict.objects.get().state == "moot"
    assert set(Job.objects.filter(key__endswith=":send").values_list("key", flat=True)) == {f"{second.pk}:links:send"}


def test_a_retry_that_takes_nothing_tells_nobody(ledger, vendor):
    ResourceState.objects.create(connection=connect("Second"), resource="contacts", sends=True)
    lost(vendor, ledger, (1,))
    Job.objects.all().delete()
    assert tried(ledger).taken == 0
    assert not Job.objects.filter(key__endswith=":send").exists()


def test_analysis_follows_a_large_retry(ledger, vendor, monkeypatch):
    monkeypatch.setattr(ending, "WORTH_ANALYZING", 3)
    lost(vendor, ledger, (1, 2, 3))
    take_no_status(ledger)
    with CaptureQueriesContext(database) as found:
        assert tried(ledger).taken == 3
    assert sum("ANALYZE" in str(query["sql"]) for query in found) == 2


def test_what_a_sync_has_changed_meanwhile_is_left_to_it(ledger, vendor, monkeypatch):
    lost(vendor, ledger, (1,))
    take_no_status(ledger)
    plain = retry._Trying._read_again

    def and_a_sync(trying, row, doors):
        QuarantinedRecord.objects.update(created_at=timezone.now(), body="{}")
        return plain(trying, row, doors)

    monkeypatch.setattr(retry._Trying, "_read_again", and_a_sync)
    done = tried(ledger)
    assert (done.tried, done.taken, Party.objects.count()) == (1, 0, 1)


def test_one_chapters_retry_touches_nothing_of_another(vendor, sydney, melbourne):
    for chapter in (sydney, melbourne):
        with hub.enter(chapter):
            ledger = connect()
            lost(vendor, ledger, (1,))
            take_no_status(ledger)
    with hub.enter(sydney):
        assert tried(Connection.objects.get()).taken == 1
    with hub.enter(melbourne):
        assert (open_rows().count(), QuarantineRetry.objects.count()) == (1, 0)


def test_a_batch_costs_as_many_statements_for_many_records_as_for_few(ledger, vendor):
    def statements(numbers):
        lost(vendor, ledger, numbers)
        retry.request(ledger, EVERYTHING)
        with CaptureQueriesContext(database) as captured:
            work()
        return len(captured)

    take_no_status(ledger)
    FieldMapping.objects.update(is_active=False)
    few = statements(range(1, 3))
    assert statements(range(1, 60)) <= few + 2


def test_a_retry_that_is_given_up_says_so(ledger, vendor):
    lost(vendor, ledger, (1,))
    asked = retry.request(ledger, EVERYTHING)
    retry.given_up({"retry": str(asked.pk)}, "The worker stopped.")
    asked.refresh_from_db()
    assert (asked.state, asked.message) == ("failed", "The worker stopped. Try it again when it is mended.")


@pytest.mark.parametrize(
    ("where", "tried_before", "taken_before"), [("between", 2, 1), ("inside", 2, 1), ("ending", 6, 5)]
)
def test_a_retry_whose_worker_is_killed_in_the_middle_takes_every_record_once(
    committed, vendor, monkeypatch, where, tried_before, taken_before
):
    vendor.lists("/contacts", [contact(0), contact(6, name=""), *(contact(n, status="LOST") for n in range(1, 6))])
    vendor.lists("/invoices", [invoice(1)])
    for chapter in committed.values():
        with hub.enter(chapter):
            made = connect()
            run_sync(made, "contacts")
            run_sync(made, "invoices")
            take_no_status(made)
    with hub.enter(committed["sydney"]):
        asked = retry.request(Connection.objects.get(), EVERYTHING)
    command = [sys.executable, "-m", "tests.sync.killed_retry", where]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings.test"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as child:
        assert child.stdout.readline() == "here\n"
        child.send_signal(signal.SIGKILL)
    with hub.enter(committed["sydney"]):
        asked.refresh_from_db()
        assert (asked.state, asked.tried, asked.taken) == ("running", tried_before, taken_before)
        assert (Party.objects.count(), open_rows().count()) == (1 + taken_before, 6 - taken_before)
        assert Invoice.objects.get().party is None, "references settle at the end"
        Job.objects.filter(state="running").update(lease_until=timezone.now())
        assert sweep.take_back() == 1
        monkeypatch.setattr(retry, "BATCH", 2)
        work()
        asked.refresh_from_db()
        assert (asked.state, asked.tried, asked.taken) == ("done", 6, 5)
        assert asked.message == "5 of 6 were taken; 1 is still set aside."
        assert set(QuarantinedRecord.objects.values_list("tries", flat=True)) == {1}
        assert open_rows().get().external_id == "c6"
        made_once = Change.objects.filter(changeset__run_id=asked.pk, op="insert", part="")
        assert made_once.count() == len(set(made_once.values_list("aggregate_id", flat=True))) == 5
        assert set(Party.objects.values_list("name", flat=True)) == {f"Contact {n}" for n in range(6)}
        assert RecordLink.objects.filter(resource="contacts").count() == 6
        assert Invoice.objects.get().party.name == "Contact 1"
        assert not Job.objects.exclude(state="done").exists()
    with hub.enter(committed["melbourne"]):
        assert (Party.objects.count(), open_rows().count(), QuarantineRetry.objects.count()) == (1, 6, 0)


def test_decimals_stand_as_they_came():
    text, form = quarantine.as_text({"n": Decimal("12.10")}, exact=True)
    assert ('"n": 12.10' in text, form) == (True, "exact")
