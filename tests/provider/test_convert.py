"""Converters: None stays None, what fits comes out in one spelling, everything else is a ValueError with a sentence."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.provider import convert
from integrations.provider.mapping import Converter

ALL: dict[str, Converter] = {
    name: converter for name, converter in vars(convert).items() if isinstance(converter, Converter)
} | {
    "one_of": convert.one_of({"YES": "yes", "NO": "no"}),
    "one_of otherwise": convert.one_of({"card": "card"}, otherwise="other"),
    "decimal": convert.decimal(4),
}
MONEY = ("money_major", "money_minor")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def outcome(name: str, value: Any) -> str:
    """The sentence of the refusal, or nothing. Any other exception is a fault of the converter."""
    try:
        ALL[name].inward(*([value, "AUD"] if name in MONEY else [value]))
    except ValueError as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize("name", ALL)
def test_absent_stays_absent(name: str):
    assert ALL[name].inward(*([None, "AUD"] if name in MONEY else [None])) is None


@pytest.mark.parametrize("name", ALL)
@given(value=json_values)
def test_whatever_comes_is_converted_or_refused_in_words(name: str, value: Any):
    assert len(outcome(name, value)) < 300


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "value", [10**5000, -(10**5000), "9" * 5000, Decimal("9" * 5000)], ids=["+", "-", "text", "decimal"]
)
def test_a_number_of_5000_digits_is_refused_without_being_spelt_out(name: str, value: Any):
    assert len(outcome(name, value)) < 300


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("/Date(1573755038314)/", "2019-11-14T18:10:38.314000Z"),
        ("/Date(1539993600000+0000)/", "2018-10-20T00:00:00Z"),
        ("/Date(-62135596800000)/", "0001-01-01T00:00:00Z"),
        ("2026-03-01T10:00:00+10:00", "2026-03-01T00:00:00Z"),
        ("2026-03-01T10:00:00", "2026-03-01T10:00:00Z"),
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z"),
        ("2026-03-01", "2026-03-01T00:00:00Z"),
        ("", None),
    ],
)
def test_instants_in_every_spelling_become_utc(given: str, expected: str | None):
    assert convert.instant.inward(given) == expected


@pytest.mark.parametrize("given", ["31st of Neveruary", "/Date(999999999999999)/", "2026-02-30", "1e9"])
def test_what_is_no_instant_is_refused(given: str):
    with pytest.raises(ValueError):
        convert.instant.inward(given)


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)))
def test_milliseconds_and_seconds_name_the_same_instant(moment: datetime):
    whole = moment.replace(microsecond=0, tzinfo=UTC)
    seconds = int((whole - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    assert convert.unix.inward(seconds) == convert.instant.inward(f"/Date({seconds * 1000}+0000)/")
    assert datetime.fromisoformat(convert.unix.inward(seconds)) == whole


def test_a_day_is_the_calendar_day_the_vendor_wrote():
    assert convert.day.inward("/Date(1539993600000+0000)/") == "2018-10-20"
    assert convert.day.inward("2018-10-20T23:59:59-11:00") == "2018-10-20"
    assert convert.unix_day.inward(1540079999) == "2018-10-20"


def test_an_undeclared_word_is_named_and_never_guessed():
    with pytest.raises(ValueError, match="'MAYBE' is not one of YES, NO"):
        ALL["one_of"].inward("MAYBE")
    assert ALL["one_of otherwise"].inward("crypto") == "other"
    with pytest.raises(ValueError):
        ALL["one_of otherwise"].inward(7)


def test_words_go_back_the_way_they_came():
    assert ALL["one_of"].outward("yes") == "YES"
    assert ALL["one_of otherwise"].outward is None, "an open list has no way back"


def test_an_exact_number_keeps_its_digits_and_loses_its_idle_zeros():
    assert convert.decimal(4).inward(Decimal("2.5000")) == "2.5"
    assert convert.decimal(4).inward("-0.0") == "0"
    with pytest.raises(ValueError, match="more than 4 decimals"):
        convert.decimal(4).inward(Decimal("0.00001"))


def test_a_rate_is_rounded_to_ten_decimals_not_refused():
    assert convert.rate.inward(Decimal("0.74126412641264126")) == "0.7412641264"
    with pytest.raises(ValueError):
        convert.rate.inward(0.5)


def test_money_without_a_currency_is_refused():
    with pytest.raises(ValueError, match="without a currency"):
        convert.money_major.inward("1.00", None)


def test_the_first_path_that_says_something_counts():
    assert convert.first(convert.text).inward(None, " ", "here", "there") == "here"
    assert convert.first(convert.text).inward(None, None) is None


def test_read_only_has_no_way_out():
    assert convert.read_only(convert.text).outward is None
    assert convert.read_only(convert.money_major).exact
