"""Amounts are exact or refused: over every currency, in and out again."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.canonical import Money
from integrations.provider import convert
from integrations.provider.money import (
    FOUR_DECIMAL,
    LARGEST,
    THREE_DECIMAL,
    ZERO_DECIMAL,
    exponent,
    money,
    number,
    to_major,
    to_minor,
)

TWO_DECIMAL = "AED ARS AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF IDR ILS INR MGA MRU MXN MYR NOK NZD PEN PHP PLN RON "
CURRENCIES = sorted(
    {*TWO_DECIMAL.split(), "SEK", "SGD", "THB", "TRY", "TWD", "USD", "ZAR", *ZERO_DECIMAL, *THREE_DECIMAL}
)
currencies = st.sampled_from(CURRENCIES)
minors = st.integers(min_value=-LARGEST, max_value=LARGEST)


@given(minors, currencies)
def test_every_amount_survives_the_way_to_major_units_and_back(minor: int, currency: str):
    assert to_minor(to_major(minor, currency), currency) == minor
    assert to_minor(str(to_major(minor, currency)), currency) == minor


@given(minors, currencies)
def test_the_canonical_form_is_valid_whatever_the_amount(minor: int, currency: str):
    assert Money(**money(minor, currency)).minor == minor


@given(minors, currencies)
def test_converters_read_what_they_wrote(minor: int, currency: str):
    canonical = money(minor, currency)
    assert convert.money_minor.inward(*convert.money_minor.outward(canonical)) == canonical
    amount = to_major(minor, currency)
    assert convert.money_major.inward(amount, currency.lower()) == canonical


@given(st.integers(min_value=-(10**14), max_value=10**14), currencies)
def test_an_amount_in_json_has_the_same_digits(minor: int, currency: str):
    sent, code = convert.money_major.outward(money(minor, currency))
    assert Decimal(repr(sent)) == to_major(minor, currency)
    assert code == currency


def test_an_amount_too_long_for_a_json_number_is_refused_not_rounded():
    with pytest.raises(ValueError, match="too many digits"):
        number(Decimal("92233720368547758.07"))


@given(st.decimals(allow_nan=False, allow_infinity=False), currencies)
def test_nothing_is_ever_rounded_away(amount: Decimal, currency: str):
    try:
        minor = to_minor(amount, currency)
    except ValueError:
        return
    assert to_major(minor, currency) == amount


@pytest.mark.parametrize(
    "amount",
    [
        "12.345",  # one decimal too many
        "0.1000000000000000000000000000000000001",  # more digits than a decimal context keeps
        "1e-400",
        "1e999999",
        "NaN",
        "Infinity",
        "",
        "twelve",
        "١٢٬٣",
        "92233720368547758.08",
        pytest.param(10**5000, id="5,000 digits"),
        Decimal(10) ** 40,
        12.5,
        True,
    ],
)
def test_what_is_no_exact_amount_is_refused_with_a_short_sentence(amount: object):
    with pytest.raises(ValueError) as refused:
        to_minor(amount, "AUD")  # type: ignore[arg-type]
    assert 5 < len(str(refused.value)) < 200


@pytest.mark.parametrize("currency", ["", "AU", "aud", "A1D", "AUDX", "ÄUD", *sorted(FOUR_DECIMAL)])
def test_what_is_no_currency_has_no_exponent(currency: str):
    with pytest.raises(ValueError):
        exponent(currency)


@pytest.mark.parametrize(("currency", "places"), [("JPY", 0), ("AUD", 2), ("KWD", 3), ("MGA", 2), ("ISK", 0)])
def test_the_exponents_are_those_of_iso_4217(currency: str, places: int):
    assert exponent(currency) == places
