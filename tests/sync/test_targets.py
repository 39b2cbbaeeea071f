"""What a target stores, it can show again: row and canonical record are two forms of one thing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import uuid4

import pytest

from integrations import hub, targets
from integrations.provider.money import money
from integrations.sync.copy import table
from integrations.sync.intake import row_of, validated
from integrations.sync.rebuild import canonical_of

pytestmark = [pytest.mark.django_db, pytest.mark.services]
AUD, KWD = money(1234, "AUD"), money(5, "KWD")
WHEN = datetime(2026, 3, 1, 1, 2, 3, tzinfo=UTC)
LEAST = {
    "members.member": {"display_name": "Ada"},
    "members.audience": {"key": "k", "name": "n"},
    "members.tag": {"name": "n"},
    "finance.party": {"name": "n"},
    "finance.invoice": {"type": "payable", "issued_on": "2026-01-01", "status": "draft",
                        **dict.fromkeys(("subtotal", "tax", "total", "paid", "credited", "due"), AUD)},
    "finance.payment": {"processor_ref": "r", "status": "succeeded", "amount": KWD, "occurred_at": WHEN},
    "finance.refund": {"processor_ref": "r", "status": "failed", "amount": AUD, "occurred_at": WHEN},
    "finance.dispute": {"processor_ref": "r", "status": "won", "amount": AUD, "occurred_at": WHEN},
    "finance.payout": {"processor_ref": "r", "status": "paid", "amount": AUD, "initiated_at": WHEN, "arrives_on": "2026-01-01"},
    "finance.balance_entry": {"processor_ref": "r", "category": "c", "kind": "k", "status": "pending", "gross": AUD,
                              "fee": money(34, "AUD"), "net": money(1200, "AUD"), "occurred_at": WHEN, "available_on": "2026-01-01"},
    "finance.account": {"name": "n", "kind": "k"},
    "finance.tax_rate": {"code": "c", "name": "n", "rate": "10"},
}  # fmt: skip
MORE = {
    "members.member": {
        "member_number": "7", "given_name": "A", "family_name": "L", "email": "a@example.com", "phone": "1",
        "address": {"lines": ["1 High St"], "country": "AU"}, "birth_date": date(1906, 12, 9), "join_date": "2026-01-01",
        "status": "current", "locale": "en-AU", "tags": ["b", "a"],
        "consents": [{"channel": "email", "purpose": "p", "state": "granted", "captured_at": WHEN},
                     {"channel": "sms", "purpose": "p", "state": "denied"}],
    },
    "members.audience": {"size": 3, "created_at": WHEN},
    "finance.party": {"number": "9", "email": "a@example.com", "currency": "AUD", "country": "AU", "tax_number": "t"},
    "finance.invoice": {
        "number": "1", "reference": "r", "party": uuid4(), "due_on": "2026-02-01", "tax_mode": "none", "fx_rate": "1.5",
        "lines": [{"description": "d", "quantity": "2.5", "unit_amount": "4", "amount": AUD, "tax": AUD, "tax_code": "G"},
                  {"amount": AUD, "account_code": "200"}],
    },
    "finance.payment": {"refunded": KWD, "party": uuid4(), "invoice": uuid4(), "fx_rate": "0.00001", "livemode": False},
    "finance.account": {"code": "200", "category": "revenue", "currency": "AUD", "takes_payments": True},
}  # fmt: skip


@pytest.mark.parametrize("more", [False, True])
@pytest.mark.parametrize("name", LEAST)
def test_a_record_comes_back_as_it_went_in(sydney, name, more):
    from django.db import connection

    target = targets.get(name)
    record, reasons = validated(target, LEAST[name] | (MORE.get(name, {}) if more else {}))
    assert reasons == []
    row, reasons = row_of(target, record)
    assert reasons == []
    row |= {"id": uuid4(), "created_at": WHEN, "updated_at": WHEN}
    refs = {f"{field}_id" for field in target.refs}
    with hub.enter(sydney), connection.cursor() as cursor:
        stored = {column: None if column in refs else value for column, value in row.items()}
        table(target.model).insert(cursor, [stored])
        kin = {}
        for child in target.children:
            rows = [{**one, child.parent: row["id"]} for one in child.rows(record)]
            table(child.model).insert(cursor, rows)
            kin[child.field] = table(child.model).of_parents(cursor, child.parent, [row["id"]]).get(row["id"], [])
        found = table(target.model).found(cursor, [row["id"]])[row["id"]]
    found |= {column: row[column] for column in refs}
    again, reasons = validated(target, canonical_of(target, found, kin))
    assert reasons == []
    if name == "finance.payment" and not more:
        again = again.model_copy(update={"refunded": None})  # stored as nought
    assert again == record
    assert row_of(target, again)[0] == row_of(target, record)[0]


def test_every_target_is_tried_here():
    assert set(LEAST) == set(targets.all_targets())


def test_a_natural_key_names_columns(sydney):
    for target in targets.all_targets().values():
        for key in target.natural_keys:
            assert set(key) <= set(table(target.model).columns), target.name


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("finance.invoice", {"tax": KWD}),
        ("finance.invoice", {"lines": [{"amount": AUD, "tax": KWD}]}),
        ("finance.payment", {"refunded": AUD}),
        ("finance.balance_entry", {"fee": money(34, "USD")}),
    ],
)
def test_what_is_stored_in_one_currency_comes_in_one(name, more):
    record, reasons = validated(targets.get(name), LEAST[name] | more)
    assert record is None
    assert "has one currency" in reasons[0].message
