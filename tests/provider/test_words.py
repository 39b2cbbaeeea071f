"""The smaller words of the vocabulary: paths, cursors, keys, errors."""

from __future__ import annotations

import base64
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.provider import (
    ApiKey,
    AuthExpired,
    Cursor,
    Field,
    Permanent,
    RateLimited,
    Resource,
    Temporary,
    convert,
    dig,
    fields,
    refusal,
)
from integrations.provider.mapping import Mapping
from integrations.provider.paths import plant
from integrations.provider.resources import CURSOR_FORMATS


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.b", 1),
        ("list.1.x", 2),
        ("list.9.x", None),
        ("a.b.c", None),
        ("nothing", None),
        ("list.x", None),
        ("list.²", None),
    ],
)
def test_a_path_leads_to_a_value_or_nowhere(path: str, found: object):
    assert dig({"a": {"b": 1}, "list": [{}, {"x": 2}]}, path) == found


def test_the_empty_path_is_the_value_itself():
    assert dig([1], "") == [1]


@given(st.lists(st.text("abc", min_size=1, max_size=2), min_size=1, max_size=4), st.integers())
def test_what_is_planted_is_dug_up(steps: list[str], leaf: int):
    value: dict = {"a": 1}
    plant(value, ".".join(steps), leaf)
    assert dig(value, ".".join(steps)) == leaf


@pytest.mark.parametrize("spelling", CURSOR_FORMATS)
@given(moment=st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1)))
def test_a_cursor_is_understood_as_it_was_spelt(spelling: str, moment: datetime):
    cursor = Cursor(field="changed", param="since", format=spelling)
    whole = moment.replace(microsecond=0, tzinfo=UTC)
    assert cursor.asked(cursor.spell(whole)) == whole


def test_a_cursor_reads_the_moment_of_a_record_however_it_is_written():
    cursor = Cursor(field="changed")
    expected = datetime(2018, 10, 20, tzinfo=UTC)
    assert cursor.moment("/Date(1539993600000+0000)/") == expected
    assert cursor.moment(1539993600) == expected
    assert cursor.moment("2018-10-20T00:00:00Z") == expected
    assert cursor.moment(None) is None
    with pytest.raises(ValueError, match="is not a date and time"):
        cursor.moment("0001-01-01T00:00:00+14:00")


def test_a_cursor_of_an_unknown_format_says_which_there_are():
    with pytest.raises(ValueError, match="iso, iso_seconds, http, unix"):
        Cursor(field="x", format="stardate").spell(datetime(2026, 1, 1, tzinfo=UTC))


def test_a_key_fills_its_template_and_tells_its_values():
    auth = ApiKey(header="X-Key", template="token {key}", pattern=r"[a-z]+-(?P<dc>[a-z]+\d+)")
    assert auth.value("abc-us21") == "token abc-us21"
    assert auth.values("abc-us21") == {"dc": "us21"}
    assert auth.values("nonsense") == {}


def test_a_key_may_be_the_password_of_basic():
    value = ApiKey(username="anystring").value("abc-us21")
    assert base64.b64decode(value.removeprefix("Basic ")) == b"anystring:abc-us21"


def test_a_title_is_made_of_the_name_unless_one_is_given():
    plain = {"path": "/x", "records": "", "key": "id", "target": "t", "mapping": Mapping()}
    assert Resource("credit_notes", **plain).title == "Credit notes"
    assert Resource("invoices", **plain, label="Invoices and bills").title == "Invoices and bills"


def test_several_fields_share_a_converter_and_a_currency():
    made = fields(convert.money_major, "Currency", paid="Paid", due="Due")
    assert made[0] == Field("paid", ("Paid", "Currency"), convert.money_major)
    assert fields(convert.text, name="Name")[0].sources == ("Name",)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AuthExpired), (429, RateLimited), (None, Temporary), (500, Temporary), (503, Temporary), (400, Permanent), (404, Permanent)],
)  # fmt: skip
def test_a_status_means_one_kind_of_error(status: int | None, kind: type):
    error = refusal("Acme", status, "no" * 1000)
    assert type(error) is kind
    assert "Acme" in str(error)
    assert len(str(error)) < 400


def test_declarations_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Cursor(field="x").field = "y"  # type: ignore[misc]
    assert Cursor(field="x").lookback == timedelta(minutes=2)
