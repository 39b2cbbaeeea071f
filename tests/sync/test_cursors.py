"""How far a resource has been read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from integrations.provider import Cursor
from integrations.sync.cursors import instant, newest, sent_as

SINCE = datetime(2026, 1, 31, 12, 30, 15, 999999, tzinfo=UTC)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("spelling", "sent"),
    [
        ("iso", "2026-01-31T12:28:15Z"),
        ("iso_seconds", "2026-01-31T12:28:15"),
        ("http", "Sat, 31 Jan 2026 12:28:15 GMT"),
        ("unix", "1769862495"),
    ],
)
def test_the_cursor_is_sent_in_the_vendors_spelling_less_the_lookback(spelling, sent):
    assert sent_as(Cursor(field="x", format=spelling), SINCE) == sent
    assert sent_as(Cursor(field="x", lookback=timedelta(0)), SINCE) == "2026-01-31T12:30:15Z"


@pytest.mark.parametrize(
    ("value", "year"),
    [
        ("2026-01-01T00:00:00Z", 2026),
        ("2025-12-31T23:00:00-05:00", 2026),
        ("2026-01-01T00:00:00", 2026),
        ("/Date(1767225600000+0000)/", 2026),
        (1767225600, 2026),
        (Decimal("1767225600.5"), 2026),
    ],
)
def test_any_spelling_of_an_instant_is_read(value, year):
    assert instant(value).year == year
    assert instant(value).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "value", [None, "", "soon", True and "x", {}, [], 10**400, float("nan"), "/Date(9" + "9" * 14 + ")/"]
)
def test_what_is_no_instant_is_passed_over(value):
    assert instant(value) is None


def test_the_newest_counts_and_the_future_counts_as_now():
    cursor = Cursor(field="at")
    records = [{"at": "2026-01-01T00:00:00Z"}, {"at": "2026-02-01T00:00:00Z"}, {"at": "soon"}, {}, None]
    assert newest(cursor, records, None, NOW) == datetime(2026, 2, 1, tzinfo=UTC)
    assert newest(cursor, [], SINCE, NOW) == SINCE
    assert newest(cursor, records[:1], SINCE, NOW) == SINCE
    assert newest(cursor, [{"at": "2099-01-01T00:00:00Z"}], None, NOW) == NOW
