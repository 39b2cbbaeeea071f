"""One bad value never loses a page."""

from __future__ import annotations

import contextlib
import json
import time
from decimal import Decimal

import pytest

from integrations.http.decode import DEEPEST, Unreadable, decode
from integrations.provider import Temporary

BOTH = pytest.mark.parametrize("exact", [False, True])


def around(value: bytes) -> bytes:
    """A page of three records, the second with that value."""
    return b'{"records": [{"id": 1, "v": "a"}, {"id": 2, "v": ' + value + b'}, {"id": 3, "v": "c"}]}'


@BOTH
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"1" * 5000, "a number"),
        (b"-" + b"9" * 5000, "a number"),
        (b"1e999999999", "a number far too"),
        (b"NaN", "NaN, which is not a number"),
        (b"Infinity", "Infinity, which"),
        (b"-Infinity", "-Infinity, which"),
        (b'"\\ud800"', "half of a surrogate pair"),
        (b'"x\\udc00y"', "half of a surrogate pair"),
        (b'"caf\xe9"', "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b'"a\\u0000b"', "NUL"),
        (b'"a\x00b"', "NUL"),
        (b"[" * 5000 + b"]" * 5000, "nested more than"),
        (b'{"a":' * 3000 + b"1" + b"}" * 3000, "nested more than"),
    ],
)
def test_a_value_that_cannot_be_kept_leaves_the_other_records_whole(value, reason, exact):
    records = decode(around(value), exact=exact)["records"]
    assert [record["id"] for record in records] == [1, 2, 3]
    assert (records[0]["v"], records[2]["v"]) == ("a", "c")
    bad = records[1]["v"]
    while isinstance(bad, (list, dict)):
        bad = bad[0] if isinstance(bad, list) else bad["a"]
    assert isinstance(bad, Unreadable)
    assert reason in bad.reason


@BOTH
def test_what_is_clean_is_what_it_says(exact):
    body = json.dumps({"a": [1, -2, True, None, "naïve 😀", "\u2028"], "b": {"c": {}}}).encode()
    assert decode(body, exact=exact) == json.loads(body)


@BOTH
def test_a_whole_surrogate_pair_and_a_control_character_are_text(exact):
    assert decode(b'["\\ud83d\\ude00", "\\u0001"]', exact=exact) == ["😀", "\x01"]
    assert decode(b'["a\nb"]', exact=exact) == ["a\nb"]


@BOTH
def test_a_byte_order_mark_is_not_a_fault(exact):
    assert decode(b'\xef\xbb\xbf{"a": 1}', exact=exact) == {"a": 1}


def test_exact_numbers_are_decimals():
    assert decode(b'{"total": 0.1, "rate": 1.10}', exact=True) == {"total": Decimal("0.1"), "rate": Decimal("1.10")}
    assert str(decode(b"[1.10]", exact=True)[0]) == "1.10"


def test_an_exact_number_with_a_thousand_decimals_is_not_believed():
    (bad,) = decode(b"[1.5" + b"0" * 1000 + b"1]", exact=True)
    assert isinstance(bad, Unreadable)


def test_an_exact_key_that_stands_twice_with_two_values_is_not_believed():
    decoded = decode(b'{"total": 1.00, "total": 2.00, "id": 7, "id": 7}', exact=True)
    assert isinstance(decoded["total"], Unreadable)
    assert decoded["id"] == 7


def test_otherwise_the_last_of_two_equal_keys_wins():
    assert decode(b'{"a": 1, "a": 2}') == {"a": 2}


@BOTH
@pytest.mark.parametrize(
    "body",
    [b"", b"  ", b"<html>Down</html>", b"OK", b'{"a": 1', b'{"a": "b', b"[1,2", b"{}{}", b"\x1f\x8b\x08", b"[" * 5000],
)
def test_what_is_no_json_is_asked_for_again(body, exact):
    with pytest.raises(Temporary, match="not JSON"):
        decode(body, exact=exact)


def test_nesting_just_within_the_limit_is_kept():
    body = b"[" * DEEPEST + b"1" + b"]" * DEEPEST
    decoded = decode(body + b" ", exact=True)
    for _ in range(DEEPEST):
        (decoded,) = decoded
    assert decoded == 1


def test_an_unreadable_value_is_never_true_and_never_equal():
    assert not Unreadable("x")
    assert Unreadable("x") != Unreadable("x")
    assert repr(Unreadable("text with a NUL character")) == "<unreadable: text with a NUL character>"


def test_brackets_inside_strings_are_text():
    body = b'{"a": "' + b"[" * 500 + b'\\"]", "b": NaN}'
    decoded = decode(body)
    assert decoded["a"] == "[" * 500 + '"]'
    assert isinstance(decoded["b"], Unreadable)


def test_a_hostile_text_takes_no_longer_than_its_length():
    began = time.monotonic()
    for body in (b'["' + b'\\"' * 300_000, b'"' * 600_001, b"[" * 600_000, b'[NaN, "' + b"\\\\" * 300_000 + b'"]'):
        with contextlib.suppress(Temporary):
            decode(body)
    assert time.monotonic() - began < 20  # looked through again at each character, it would be minutes
