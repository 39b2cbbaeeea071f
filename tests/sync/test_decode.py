"""Answers are read without losing a digit, and a page is not lost to one record."""

from __future__ import annotations

from decimal import Decimal

import pytest

from integrations.provider import Temporary
from integrations.sync.decode import decode


def test_fractions_are_exact_where_they_must_be():
    assert decode(b'{"a": 0.1, "b": 1}', exact=True) == {"a": Decimal("0.1"), "b": 1}
    assert decode(b'{"a": 0.1}', exact=False) == {"a": 0.1}


@pytest.mark.parametrize("exact", [True, False])
def test_one_impossible_value_does_not_cost_the_page(exact):
    number = b"9" * 5000
    page = decode(
        b'[{"n": %s}, {"s": "\\ud800"}, {"z": "\\u0000"}, {"e": 1e999999999999999999999}, 1]' % number, exact=exact
    )
    assert page[0]["n"] == Decimal(number.decode())
    assert page[1]["s"] == "\ud800"
    assert page[2]["z"] == "\x00"
    assert page[4] == 1


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"<html><body>Bad gateway</body></html>", "web page"),
        (b'{"items": [{"id": 1', "breaks off"),
        (b"", "nothing at all"),
        (b"OK", "not JSON"),
        (b'"\xff"', "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_is_an_error_that_says_what_it_is(body, sentence):
    with pytest.raises(Temporary, match=sentence):
        decode(body, exact=True)
