"""Numbers, times and intervals as people say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from integrations.marketplace import words
from integrations.marketplace.logos import monogram
from integrations.provider import RateLimit

NOW = datetime(2026, 3, 5, 1, 30, tzinfo=UTC)  # Thursday 12:30 in Sydney


@pytest.fixture(autouse=True)
def _in_sydney():
    with timezone.override("Australia/Sydney"):
        yield


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=20), "just now"),
        (timedelta(seconds=50), "1 minute ago"),
        (timedelta(minutes=2), "2 minutes ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=11), "11 hours ago"),
        (timedelta(hours=20), "yesterday at 16:30"),
        (timedelta(days=2, hours=3), "2 days ago"),
        (timedelta(days=8), "on 25 February"),
        (timedelta(days=90), "on 5 December 2025"),
    ],
)
def test_ago(before, said):
    assert words.ago(NOW - before, NOW) == said


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (timedelta(hours=2), "10:30"),
        (timedelta(hours=20), "yesterday"),
        (timedelta(days=2), "Tuesday"),
        (timedelta(days=30), "3 February"),
        (timedelta(days=400), "29 January 2025"),
    ],
)
def test_since(before, said):
    assert words.since(NOW - before, NOW) == said


def test_until():
    assert words.until(NOW - timedelta(minutes=1), NOW) == "now"
    assert words.until(NOW + timedelta(minutes=12), NOW) == "in 12 minutes"


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(milliseconds=5), "less than a second"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=58), "1 minute"),
        (timedelta(minutes=90), "2 hours"),
        (timedelta(days=2), "2 days"),
    ],
)
def test_about(span, said):
    assert words.about(span) == said


def test_an_exact_time_is_the_chapters():
    assert words.exactly(NOW) == "Thursday 5 March 2026, 12:30:00 AEDT"


def test_every():
    assert words.every(timedelta(minutes=15)) == "every 15 minutes"
    assert words.every(timedelta(hours=1)) == "every hour"
    assert words.every(timedelta(days=1)) == "every day"


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (RateLimit(), ""),
        (RateLimit(per_second=100), "100 requests a second"),
        (RateLimit(per_minute=60, per_day=5000, concurrent=5), "60 requests a minute and 5,000 a day, 5 at once"),
        (RateLimit(concurrent=10), "10 at once"),
        (RateLimit(per_day=1), "1 request a day"),
    ],
)
def test_limits(limit, said):
    assert words.limits(limit) == said


def test_lists_and_counts():
    assert words.join([]) == ""
    assert words.join(["a"]) == "a"
    assert words.join(["a", "b", "c"]) == "a, b and c"
    assert words.count(1, "record") == "1 record"
    assert words.count(1200, "record") == "1,200 records"


@pytest.mark.parametrize(("name", "letters"), [("Xero", "X"), ("Go Fund Me", "GF"), ("<script>", "?"), ("", "?")])
def test_a_monogram_is_one_or_two_letters(name, letters):
    assert monogram(name) == letters
