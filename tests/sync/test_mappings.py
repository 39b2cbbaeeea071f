"""A changed mapping and what is here already: re-applied, or only from now on."""

from __future__ import annotations

import pytest

from finance.models import Party
from integrations.mapping import services
from integrations.sync import pull
from integrations.sync.engine import run_sync
from integrations.sync.models import QuarantinedRecord, RecordLink

from .testbook import contact
from .vendor import Reply

pytestmark = [pytest.mark.django_db, pytest.mark.services]

PHONE = {"phone": {"source": "mobile"}}


def people(vendor, *changed: int):
    records = [contact(n, phone=f"p{n}", mobile=f"m{n}") for n in range(1, 4)]
    for n in changed:
        records[n - 1] |= {"first": "Changed", "updated": "2026-03-01T00:00:00Z"}
    vendor.lists("/contacts", records)
    vendor.lists("/offsets", records)


def phones():
    return sorted(Party.objects.values_list("phone", flat=True))


def test_re_applied_every_record_here_becomes_what_the_new_mapping_says(ledger, vendor):
    people(vendor)
    run_sync(ledger, "contacts")
    assert phones() == ["p1", "p2", "p3"]
    services.save_field_rules(ledger, "contacts", PHONE)
    run = run_sync(ledger, "contacts")
    assert phones() == ["m1", "m2", "m3"]
    assert (run.full, run.updated) == (True, 3)


def test_from_now_on_only_what_changes_there_is_mapped_anew(ledger, vendor):
    people(vendor)
    run_sync(ledger, "contacts")
    services.save_field_rules(ledger, "contacts", PHONE, reapply=False)
    people(vendor, 2)
    run = run_sync(ledger, "contacts")
    assert phones() == ["m2", "p1", "p3"]
    assert (run.full, run.updated) == (False, 1)


@pytest.mark.parametrize("resource", ["contacts", "offsets"])
def test_from_now_on_holds_when_everything_is_read_too(ledger, vendor, resource):
    """A daily comparison shows every record; those that did not change there stay as they are."""
    people(vendor)
    run_sync(ledger, resource)
    services.save_field_rules(ledger, resource, PHONE, reapply=False)
    services.save_field_rules(ledger, resource, {"given_name": {"source": "nickname"}}, reapply=False)
    people(vendor, 3)
    run = run_sync(ledger, resource, full=True)
    assert phones() == ["m3", "p1", "p2"]
    assert (run.updated, run.unchanged) == (1, 2)
    assert run_sync(ledger, resource, full=True).unchanged == 3


def test_what_counted_from_now_on_can_be_re_applied_later(ledger, vendor):
    people(vendor)
    run_sync(ledger, "contacts")
    services.save_field_rules(ledger, "contacts", PHONE, reapply=False)
    run_sync(ledger, "contacts")
    services.save_field_rules(ledger, "contacts", PHONE)
    run_sync(ledger, "contacts")
    assert phones() == ["m1", "m2", "m3"]


def test_a_mapping_changed_in_the_middle_of_a_read_leaves_what_was_read_and_counts_for_the_rest(
    ledger, vendor, monkeypatch
):
    people(vendor)
    monkeypatch.setattr(pull, "MOST_RECORDS", 2)
    vendor.lists("/offsets", [contact(n, phone=f"p{n}", mobile=f"m{n}") for n in range(1, 7)])

    def save(run):
        if run.created == 2:
            services.save_field_rules(ledger, "offsets", PHONE, reapply=False)

    run = run_sync(ledger, "offsets", progress=save)
    assert phones() == ["m3", "m4", "m5", "m6", "p1", "p2"]
    assert run.state == "succeeded"


def test_a_value_without_a_row_is_set_aside_and_comes_in_when_the_table_has_one(ledger, vendor):
    vendor.lists("/contacts", [contact(1), contact(2, status="PAUSED")])
    table = [["ACTIVE", "active"]]
    status = {"transform": "lookup", "source": "status", "table": table}
    services.save_field_rules(ledger, "contacts", {"status": status})
    assert run_sync(ledger, "contacts").quarantined == 1
    (kept,) = QuarantinedRecord.objects.all()
    assert kept.reasons == [
        {
            "field": "status",
            "message": "'PAUSED' stands in no row of the table of contacts.status: add a row for it there",
        }
    ]
    services.save_field_rules(ledger, "contacts", {"status": status | {"table": [*table, ["PAUSED", "archived"]]}})
    run_sync(ledger, "contacts")
    assert sorted(Party.objects.values_list("status", flat=True)) == ["active", "archived"]
    kept.refresh_from_db()
    assert kept.resolved_at


def test_a_formula_fills_a_field_and_a_record_it_cannot_be_worked_out_for_is_set_aside(ledger, vendor):
    vendor.lists("/contacts", [contact(1, area="02", line="5550"), contact(2, area=2, line="5551")])
    services.save_field_rules(ledger, "contacts", {"phone": {"transform": "formula", "formula": 'area + " " + line'}})
    run = run_sync(ledger, "contacts")
    assert phones() == ["02 5550"]
    assert run.quarantined == 1
    assert "use text() or number()" in QuarantinedRecord.objects.get().reasons[0]["message"]


def test_a_mapping_that_no_longer_compiles_fails_the_run_with_a_sentence(ledger, vendor):
    people(vendor)
    services.save_field_rules(ledger, "contacts", {"phone": {"transform": "formula", "formula": "mobile"}})
    ledger.field_mappings.update(formula="nonsense()")
    run = run_sync(ledger, "contacts")
    assert run.state == "failed"
    assert "phone: There is no function nonsense()" in run.message
    assert not RecordLink.objects.exists()


def test_an_answer_that_is_read_exactly_for_a_formula_changes_nothing_else(ledger, vendor):
    vendor.routes["/contacts"] = lambda asked: Reply(b'{"items": [{"id": "1", "name": "A", "fee": 0.1, "more": 0.2}]}')
    services.save_field_rules(ledger, "contacts", {"phone": {"transform": "formula", "formula": "text(fee + more)"}})
    run_sync(ledger, "contacts")
    assert phones() == ["0.3"]
