"""Which events there are, who is told of them, and that the page about webhooks says so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from integrations import targets
from integrations.outbound import catalogue, filters, retries

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "webhooks-out.md").read_text()


def test_every_type_of_event_is_listed_with_its_words():
    listed = re.findall(r"^\| `([a-z_.]+)` \| (.+) \|$", PAGE, re.MULTILINE)
    assert listed == [(one.name, one.description) for one in catalogue.all_types().values()]


def test_the_times_between_retries_are_those_it_names():
    (said,) = re.findall(r"after ((?:\d+ (?:s|min|h)(?:, | and )?)+)", PAGE)
    units = {"s": 1, "min": 60, "h": 3600}
    named = [int(number) * units[unit] for number, unit in re.findall(r"(\d+) (s|min|h)", said)]
    assert named == [wait.total_seconds() for wait in retries.AFTER]


def test_a_type_of_a_record_names_a_target_there_is_and_says_its_schema():
    for one in catalogue.all_types().values():
        if one.target:
            urn = targets.get(one.target).canonical.URN
            assert one.schema["properties"]["schema"]["const"] == urn


def test_a_type_that_is_registered_twice_is_refused():
    known = catalogue.get("member.updated")
    catalogue.register(known)
    with pytest.raises(RuntimeError, match=r"member\.updated"):
        catalogue.register(catalogue.EventType(name="member.updated", description="Another", schema={}))


@pytest.mark.parametrize(
    ("name", "patterns", "right"),
    [
        ("member.updated", ["member.updated"], True), ("member.updated", ["member.*"], True), ("member.updated", ["*"], True),
        ("member.status.changed", ["member.*"], True), ("member.status.changed", ["member.status.*"], True),
        ("member.updated", ["member"], False), ("membership.made", ["member.*"], False), ("member.updated", [], False),
        ("member.updated", ["invoice.*", "member.created"], False),
    ],
)  # fmt: skip
def test_a_pattern_stands_for_what_begins_with_it(name, patterns, right):
    assert catalogue.matches(name, patterns) is right


@pytest.mark.parametrize(
    ("wanted", "right"),
    [
        ({}, True), ({"record.status": "current"}, True), ({"record.status": "lapsed"}, False), ({"version": 3}, True),
        ({"version": "3"}, False), ({"version": 3, "record.status": "lapsed"}, False), ({"paid": True}, True),
        ({"paid": 1}, False), ({"record.number": None}, True), ({"record.status.more": "current"}, False),
        ({"record.status.more": None}, True), ({"nothing.here": None}, True),
    ],
)  # fmt: skip
def test_a_filter_compares_values_as_they_are(wanted, right):
    data = {"version": 3, "paid": True, "record": {"status": "current", "number": None}}
    assert filters.passes(wanted, data) is right
