"""Canonical values as people read them, wherever they are shown."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from integrations.ids import id_of
from integrations.shown import label, said

MONEY = {"minor": 123450, "currency": "AUD", "exponent": 2}
ID = "018f3f6a-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, ""), ("", ""), ([], ""), ({}, ""), (0, "0"), (True, "yes"), (False, "no"), (12345, "12,345"), ("text", "text"),
        (MONEY, "1,234.50 AUD"), ({"minor": 5, "currency": "aud", "exponent": 2}, "5 aud"),
        (["a", "", "b"], "a, b"), ({"lines": ["7 Rose Lane", "Flat 2"], "region": None, "postcode": "2010"},
                                   "7 Rose Lane, Flat 2, 2010"),
        ([{"channel": "email", "state": "granted"}, {"channel": "sms"}], "email, granted; sms"),
        (date(2026, 3, 4), "2026-03-04"), (datetime(2026, 3, 4, 5, 6, tzinfo=UTC), "2026-03-04T05:06:00+00:00"),
    ],
)  # fmt: skip
def test_a_value_reads_the_same_everywhere(value, words):
    assert said(value) == words


def test_with_their_fields_both_sides_stand_in_one_order():
    line = {"tax_code": "GST", "amount": MONEY, "note": ""}
    assert said(line, with_fields=True) == "amount 1,234.50 AUD, tax code GST"
    assert said(dict(reversed(line.items())), with_fields=True) == said(line, with_fields=True)


def test_a_record_is_called_by_its_name_wherever_its_id_stands():
    assert said([{"party": ID}], {ID: "Ada"}, with_fields=True) == "party Ada"
    assert said(ID, {}) == ID


def test_a_field_has_one_label():
    assert label("tax_number") == "Tax number"


@pytest.mark.parametrize("text", ["", "x", None, 7, ID + "0"])
def test_what_spells_no_id_is_none(text):
    assert id_of(text) is None
    assert str(id_of(ID.upper())) == ID
