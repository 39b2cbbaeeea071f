"""Tables of values: their value -> ours, and back where there is one way back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.mapping.lookups import MOST_ROWS, ambiguous, key, lookup, mistake

ROWS = (("A", "active"), ("O", "archived"), (3, "active"), (True, "yes"))


def test_a_value_becomes_what_its_row_says_however_the_vendor_spells_it():
    inward = lookup(ROWS, "contacts.status").inward
    assert [inward(one) for one in ("A", " A ", "O", 3, "3", 3.0, Decimal(3), True, "true")] == [
        "active", "active", "archived", "active", "active", "active", "active", "yes", "yes",
    ]  # fmt: skip


def test_nothing_stays_nothing():
    inward = lookup(ROWS, "contacts.status", "archived").inward
    assert [inward(None), inward(""), inward("  ")] == [None, None, None]


def test_a_value_without_a_row_is_an_error_that_names_the_value_and_the_table():
    with pytest.raises(
        ValueError, match=r"'Z' stands in no row of the table of contacts.status: add a row for it there"
    ):
        lookup(ROWS, "contacts.status").inward("Z")


def test_what_stands_for_all_other_values_is_taken_where_it_is_said():
    assert lookup(ROWS, "contacts.status", "archived").inward("Z") == "archived"


@pytest.mark.parametrize("value", [["A"], {"a": 1}])
def test_a_table_translates_single_values_only(value):
    with pytest.raises(ValueError, match="expected one value"):
        lookup(ROWS, "contacts.status", "archived").inward(value)


def test_the_way_back_is_the_same_table():
    outward = lookup(ROWS, "contacts.status").outward
    assert (outward("archived"), outward("yes")) == ("O", True)


def test_an_ambiguous_way_back_is_said_aloud_and_nothing_is_guessed():
    with pytest.raises(ValueError, match=r"'active' could be 'A' or '3' there: the table of contacts.status"):
        lookup(ROWS, "contacts.status").outward("active")
    assert ambiguous(ROWS) == {"active": ["A", "3"]}


def test_a_value_of_ours_that_no_row_leads_to_has_no_way_back():
    with pytest.raises(ValueError, match=r"'lost' is nobody's in the table of contacts.status"):
        lookup(ROWS, "contacts.status", "lost").outward("lost")


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([], "no row"),
        (None, "made of rows"),
        ("AB", "made of rows"),
        ([["A"]], "made of rows"),
        ([["A", None]], "made of rows"),
        ([["A", ""]], "made of rows"),
        ([["A", 1.5]], "made of rows"),
        ([["A", ["x"]]], "made of rows"),
        ([["A\x00", "x"]], "made of rows"),
        ([["x" * 201, "x"]], "made of rows"),
        ([["A", "x"], [" A", "y"]], "“A” stands in two rows"),
        ([["3", "x"], [3, "y"]], "“3” stands in two rows"),
        ([[str(n), "x"] for n in range(MOST_ROWS + 1)], "201 rows; 200 are allowed"),
    ],
)
def test_what_is_no_table_is_refused_with_a_sentence(rows, sentence):
    assert sentence in mistake(rows, None)


def test_what_stands_for_all_others_is_one_value():
    assert "one value" in mistake([["A", "x"]], ["x"])
    assert mistake([["A", "x"]], "y") == ""


cell = (
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=20)
    | st.integers()
    | st.booleans()
)


@given(st.lists(st.tuples(cell, cell), max_size=20, unique_by=(lambda row: key(row[0]), lambda row: key(row[1]))))
def test_a_one_to_one_table_leads_there_and_back(rows):
    converter = lookup(rows, "contacts.status")
    assert rows == [] or mistake(rows, None) == ""
    for theirs, ours in rows:
        assert converter.inward(theirs) == ours
        back = converter.outward(converter.inward(theirs))
        assert (back, type(back)) == (theirs, type(theirs))


@given(st.lists(st.tuples(cell, cell), max_size=20, unique_by=lambda row: key(row[0])))
def test_whatever_the_table_the_way_back_never_leads_astray(rows):
    converter = lookup(rows, "contacts.status")
    for theirs, ours in rows:
        try:
            back = converter.outward(ours)
        except ValueError:
            assert key(ours) in ambiguous(rows)
        else:
            assert key(back) == key(theirs)
