"""Rows written by COPY are the rows Django would have written."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from finance.models import Invoice, InvoiceLine, TaxRate
from integrations import hub
from integrations.sync.copy import table
from members.models import Member

pytestmark = [pytest.mark.django_db, pytest.mark.services]
NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def inside(sydney, melbourne):
    with hub.enter(sydney):
        yield
    with hub.enter(melbourne):
        assert not Member.objects.exists()


def member(**more):
    return {"id": uuid7(), "display_name": "Ada", "created_at": NOW, "updated_at": NOW, **more}


def write(model, rows):
    with connection.cursor() as cursor:
        table(model).insert(cursor, rows)


TRICKY = 'tab\there, line\nbreak, back\\slash, "quotes", {braces}, \\N, NULL, ünï, 🦊, \r'


def test_every_kind_of_value_comes_back_as_it_was(inside):
    row = member(
        given_name=TRICKY,
        birth_date=date(1906, 12, 9),
        address={"lines": [TRICKY, "b"], "country": "AU"},
        tags=["plain", TRICKY, "", "NULL"],
        updated_at=datetime(2026, 3, 1, 23, 0, tzinfo=timezone(timedelta(hours=11))),
    )
    write(Member, [row])
    found = Member.objects.get()
    assert (found.given_name, found.birth_date, found.address, found.tags) == (
        TRICKY, row["birth_date"], row["address"], row["tags"],
    )  # fmt: skip
    assert found.updated_at == row["updated_at"]
    assert (found.version, found.member_number, found.status, found.join_date) == (1, None, "prospect", None)


def test_decimals_and_automatic_keys(inside):
    invoice = {
        "id": uuid7(), "type": "receivable", "issued_on": date(2026, 1, 1), "status": "paid", "currency": "AUD",
        "subtotal_minor": 2**62, "tax_minor": 0, "total_minor": -5, "created_at": NOW, "updated_at": NOW,
        "fx_rate": Decimal("1E-10"),
    }  # fmt: skip
    write(Invoice, [invoice])
    line = {"invoice_id": invoice["id"], "position": 1, "quantity": Decimal("123456789012345.0123456789")}
    write(InvoiceLine, [{**line, "unit_amount": Decimal("-0.5"), "amount_minor": 1}] * 2)
    assert Invoice.objects.get().subtotal_minor == 2**62
    assert Invoice.objects.get().fx_rate == Decimal("0.0000000001")
    assert [one.quantity for one in InvoiceLine.objects.all()] == [line["quantity"]] * 2


@given(st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40), max_size=5))
@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
def test_any_text_survives_in_columns_arrays_and_json(inside, texts):
    row = member(given_name="".join(texts), tags=texts, address={"lines": texts})
    write(Member, [row])
    found = Member.objects.get(pk=row["id"])
    assert (found.given_name, found.tags, found.address) == (row["given_name"], texts, {"lines": texts})


def test_known_rows_are_replaced_and_new_ones_added(inside):
    known, new = member(member_number="A1"), member(member_number="B2", version=1)
    write(Member, [known])
    with connection.cursor() as cursor:
        table(Member).upsert(cursor, [{**known, "display_name": "Grace", "version": 2}, new])
    assert dict(Member.objects.values_list("member_number", "display_name")) == {"A1": "Grace", "B2": "Ada"}


def test_a_refused_row_raises_djangos_error_and_writes_none(inside):
    rows = [member(member_number="A1"), member(member_number="A1")]
    with pytest.raises(IntegrityError), transaction.atomic():
        write(Member, rows)
    assert not Member.objects.exists()


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"locale": "x" * 21}, "locale"),
        ({"tags": ["fine", "x" * 501]}, "tags"),
        ({"version": 2**40}, "version"),
        ({"created_at": datetime.max.replace(tzinfo=timezone(-timedelta(hours=12)))}, "created_at"),
    ],
)
def test_what_a_column_has_no_room_for_is_known_before_it_is_written(row, column):
    assert [name for name, _ in table(Member).refusals(row)] == [column]


@pytest.mark.parametrize("rate", ["NaN", "1e16", "0.12345678901"])
def test_numbers_the_column_cannot_hold_exactly_are_known(rate):
    assert [name for name, _ in table(TaxRate).refusals({"rate": Decimal(rate)})] == ["rate"]
    assert table(TaxRate).refusals({"rate": Decimal("0.1000000000000")}) == []


def test_rows_are_read_back_locked_and_by_parent(inside):
    row = member(address={"lines": []})
    write(Member, [row])
    with transaction.atomic(), connection.cursor() as cursor:
        found = table(Member).locked(cursor, [row["id"], uuid7()])
    assert list(found) == [row["id"]]
    assert found[row["id"]]["address"] == {"lines": []}
