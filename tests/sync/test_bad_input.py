"""What a vendor should not send: set aside with every reason, or a clear failure; never a lost page, never half a batch."""

from __future__ import annotations

import json

import pytest
from django.db import connection as database
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finance.models import Invoice, Party
from integrations.connections.models import Connection
from integrations.sync import quarantine
from integrations.sync.engine import run_sync
from integrations.sync.models import QuarantinedRecord, RecordLink, ResourceState
from members.models import Member

from .testbook import contact, invoice, person
from .vendor import Reply

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def raw(text: str) -> Reply:
    return Reply(text.encode("utf-8", "surrogatepass"))


def reasons(external_id: str = "bad") -> dict[str, str]:
    found = QuarantinedRecord.objects.get(external_id=external_id, resolved_at=None)
    return {reason["field"]: reason["message"] for reason in found.reasons}


BAD_CONTACTS = [
    ({"name": "a\x00b"}, "name", "NUL"),
    ({"name": "a\ud800b"}, "name", "half of a surrogate"),
    ({"name": "x" * 501}, "name", "500"),
    ({"name": None}, "name", "is missing"),
    ({"name": {"first": "x"}}, "name", "expected text"),
    ({"email": "not an address"}, "email", "email address"),
    ({"email": "a\x00@example.com"}, "email", "NUL"),
    ({"status": "LOST"}, "status", "'LOST' is not one of ACTIVE, OLD"),
    ({"phone": "9" * 41}, "phone", "40"),
]


@pytest.mark.parametrize(("bad", "field", "sentence"), BAD_CONTACTS)
def test_a_bad_record_is_set_aside_and_its_page_goes_on(ledger, vendor, bad, field, sentence):
    vendor.lists("/contacts", [contact(1), contact(2, id="bad", **bad), contact(3)])
    run = run_sync(ledger, "contacts")
    assert (run.state, run.created, run.quarantined) == ("partial", 2, 1), run.message
    assert "1 set aside" in run.message
    assert sentence in reasons()[field]
    assert Party.objects.count() == RecordLink.objects.count() == 2
    kept = QuarantinedRecord.objects.get()
    assert (kept.run, kept.resource) == (run, "contacts")
    assert "\x00" not in kept.body


BAD_INVOICES = [
    ('"date": "soon"', "issued_on", "'soon' is not a date"),
    ('"date": "2026-02-30"', "issued_on", "is not a date"),
    ('"total": 20.001', "total", "more decimals than AUD has (2)"),
    ('"total": %s' % ("9" * 5000), "total", "5000 digits"),
    ('"total": 1e400', "total", "too large"),
    ('"total": 1.000000000000000000000000000000000001', "total", "more decimals"),
    ('"total": NaN', "total", "NaN, which is not a number"),
    ('"total": true', "total", "expected an amount"),
    ('"currency": "dollars"', "total", "not an ISO 4217"),
    ('"currency": null', "total", "without a currency"),
    ('"due": 3', "", "due 300 is not total 2000"),
    ('"lines": [{"text": "x", "amount": 0.001}]', "lines.0.amount", "more decimals"),
    ('"lines": [{"text": "x"}]', "lines.0.amount", "Field required"),
    ('"lines": {}', "lines", "expected a list"),
    ('"contact": {"id": {"a": 1}}', "party", "is no key"),
    ('"contact": {"id": "a"}, "contact": {"id": "b"}', "party", "stands twice"),
    ('"total": 20.00, "total": 30.00', "total", "stands twice"),
]


@pytest.mark.parametrize(("bad", "field", "sentence"), BAD_INVOICES)
def test_a_bad_invoice_is_set_aside_and_its_page_goes_on(ledger, vendor, bad, field, sentence):
    name = bad.split('"')[1]
    good, other = json.dumps(invoice(1)), json.dumps({k: v for k, v in invoice(2, id="bad").items() if k != name})
    vendor.routes["/invoices"] = lambda asked: raw(f'{{"items": [{good}, {other[:-1]}, {bad}}}], "more": false}}')
    run = run_sync(ledger, "invoices")
    assert (run.state, run.created, run.quarantined) == ("partial", 1, 1), run.message
    assert sentence in reasons().get(field, ""), reasons()
    assert Invoice.objects.get().total_minor == 2000


def test_every_reason_is_kept_not_only_the_first(ledger, vendor):
    bad = contact(1, id="bad", name=None, status="LOST", email="nobody", first=5)
    vendor.lists("/contacts", [bad])
    run_sync(ledger, "contacts")
    assert set(reasons()) == {"name", "status", "email", "given_name"}


def test_what_the_table_has_no_room_for_is_set_aside(ledger, vendor):
    vendor.routes["/tags"] = lambda asked: Reply([{"name": "fine", "size": 1}, {"name": "huge", "size": 2**31}])
    run = run_sync(ledger, "tags")
    assert (run.created, run.quarantined) == (1, 1)
    assert "10 digits is too large" in reasons("huge")["size"]


def test_what_only_the_database_refuses_is_found_and_set_aside(ledger, vendor):
    people = [person(n, member_no=f"M{n}") for n in range(9)]
    people[6]["member_no"] = "M2"
    people[6]["email"] = "other@example.com"
    Member.objects.create(display_name="Already here", member_number="M4")
    Member.objects.create(display_name="Linked", member_number="M5")
    vendor.lists("/staff", people)
    run = run_sync(ledger, "staff")
    assert (run.state, run.created, run.updated, run.quarantined) == ("partial", 6, 2, 1), run.message
    assert "(member_number)=(M2) already exists" in reasons("p6")["member_number"]
    again = run_sync(ledger, "staff")
    assert (again.unchanged, again.quarantined) == (8, 1)


@pytest.mark.parametrize("key", [None, "", {"a": 1}, [], 1.5, True, "x" * 300, "a\x00b", "a\ud800b", ".."])
def test_a_record_without_a_usable_key_is_set_aside(ledger, vendor, key):
    vendor.lists("/contacts", [contact(1), contact(2, id=key)])
    run = run_sync(ledger, "contacts")
    assert (run.state, run.created, run.quarantined) == ("partial", 1, 1)
    kept = QuarantinedRecord.objects.get()
    assert (kept.external_id, kept.reasons[0]["field"]) == ("", "id")
    assert json.loads(kept.body)["name"] == "Contact 2"
    run_sync(ledger, "contacts", full=True)
    assert QuarantinedRecord.objects.count() == 1  # the same again is not kept twice


@pytest.mark.parametrize("record", [None, "text", 5, [], True])
def test_what_is_no_record_is_set_aside(ledger, vendor, record):
    vendor.lists("/offsets", [contact(1), record])
    run = run_sync(ledger, "offsets")
    assert (run.created, run.quarantined) == (1, 1)
    assert "not an object" in QuarantinedRecord.objects.get().reasons[0]["message"]


def test_a_record_in_order_again_leaves_quarantine(ledger, vendor):
    records = [contact(1), contact(2, id="bad", status="LOST")]
    vendor.lists("/contacts", records)
    run_sync(ledger, "contacts")
    records[1]["status"] = "ACTIVE"
    run = run_sync(ledger, "contacts", full=True)
    assert (run.state, run.created) == ("succeeded", 1)
    assert QuarantinedRecord.objects.get().resolved_at is not None
    records[1]["status"] = "GONE"
    run_sync(ledger, "contacts", full=True)
    assert QuarantinedRecord.objects.filter(resolved_at=None).count() == 1
    records[1]["status"] = "ACTIVE"  # as it was when it was applied: unchanged, and in order
    assert run_sync(ledger, "contacts", full=True).unchanged == 2
    assert not QuarantinedRecord.objects.filter(resolved_at=None).exists()


def test_the_same_bad_record_again_writes_nothing(ledger, vendor):
    vendor.lists("/contacts", [contact(1), contact(2, id="bad", status="LOST")])

    def stamp():
        with database.cursor() as cursor:
            cursor.execute("SELECT xmin, ctid, id FROM integrations_quarantinedrecord")
            return cursor.fetchall()

    run_sync(ledger, "contacts")
    before = stamp()
    assert run_sync(ledger, "contacts", full=True).quarantined == 1
    assert stamp() == before


def test_a_bad_change_leaves_the_good_record_as_it_was(ledger, vendor):
    records = [contact(1)]
    vendor.lists("/contacts", records)
    run_sync(ledger, "contacts")
    records[0].update(name="New", status="LOST")
    assert run_sync(ledger, "contacts", full=True).quarantined == 1
    assert Party.objects.get().name == "Contact 1"


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Reply(b"<html><body>502</body></html>"), "not JSON"),
        (Reply(b'{"items": [{"id": "c1", "na'), "not JSON"),
        (Reply({"things": []}), "no longer sends a list at 'items'"),
        (Reply({}, 500), "fault of its own (500)"),
        (Reply({}, 403), "refused the request (403)"),
        (Reply({}, 401), "reconnect the connection 'Ledger'"),
        (Reply({}, 429, {"Retry-After": "90"}), "read so far. Run it again after "),
    ],
)
def test_a_failed_answer_names_chapter_connection_and_resource_and_deletes_nothing(ledger, vendor, fault, sentence):
    vendor.lists("/offsets", [contact(n) for n in range(4)])
    run_sync(ledger, "offsets")
    vendor.faults = [None, fault]
    run = run_sync(ledger, "offsets")
    assert run.state == "failed"
    assert sentence in run.message, run.message
    for named in ("Sydney", "'Ledger'", "offsets"):
        assert named in run.message, run.message
    assert Party.objects.count() == 4
    assert RecordLink.objects.filter(state="active").count() == 4
    assert ResourceState.objects.get().last_error == run.message
    assert run.message[0].isupper()
    Connection.objects.update(status=Connection.Status.CONNECTED)
    assert run_sync(ledger, "offsets").state == "succeeded"
    assert ResourceState.objects.get().last_error == ""


def test_a_body_that_is_too_long_is_cut_and_says_so():
    body = quarantine.body_of({"text": "x" * 100_000})
    assert len(body) < quarantine.LONGEST_BODY + 100
    assert body.endswith("more characters")
    deep: list = []
    for _ in range(3000):
        deep = [deep]
    assert quarantine.body_of(deep)
    assert quarantine.body_of({"n": 10**5000})
    assert "\\ud800" in quarantine.body_of({"n": "\ud800\x00"})


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(
        ["c1", "2026-01-01", "AUD", "JPY", "ACTIVE", "open", "ada@example.com", 20, "20.00", "\x00", "\ud800"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = ["id", "name", "first", "last", "email", "status", "date", "currency", "total", "due", "lines", "contact", "number",
         "member_no", "tags", "state", "list", "born", "size", "gone", "updated", "phone"]  # fmt: skip
record = st.one_of(anything, st.dictionaries(st.sampled_from(NAMES), anything, max_size=10))
near = st.builds(
    lambda base, changes: {**base, **changes},
    st.sampled_from([contact(1), invoice(1), person(1), {"name": "t", "size": 1}]),
    st.dictionaries(st.sampled_from(NAMES), anything, max_size=2),
)


@given(st.lists(record | near, max_size=4), st.sampled_from(["invoices", "offsets", "staff", "tags"]))
@settings(
    max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
def test_no_record_makes_a_run_raise_and_each_is_counted(ledger, vendor, records, resource):
    page = {"items": records, "more": False}
    vendor.routes[f"/{resource}"] = lambda asked: Reply(page if resource != "tags" else records)
    run = run_sync(ledger, resource, full=True)
    assert run.state in {"succeeded", "partial", "planned"} or "same page" in run.message, run.message
    assert run.fetched == run.created + run.updated + run.unchanged + run.quarantined + run.deleted
