"""A vendor that no longer sends what it used to."""

from __future__ import annotations

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from integrations import hub, registry
from integrations.sync import drift, pull
from integrations.sync.engine import run_sync
from integrations.sync.models import ResourceState

from .conftest import connect
from .declared import declare
from .testbook import contact, person
from .vendor import Reply

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def alarms(resource="offsets"):
    return {(one["path"], one["problem"]) for one in ResourceState.objects.get(resource=resource).drift}


def read(vendor, ledger, records):
    vendor.lists("/offsets", records)
    return run_sync(ledger, "offsets")


def people(count, **more):
    return [{**contact(n), "phone": f"02 {n}", **more} for n in range(count)]


def without(records, *names):
    return [{name: value for name, value in one.items() if name not in names} for one in records]


def test_a_field_that_stops_arriving_is_an_alarm_and_one_that_arrives_again_ends_it(ledger, vendor):
    read(vendor, ledger, people(60))
    assert alarms() == set()
    run = read(vendor, ledger, without(people(60), "phone"))
    assert alarms() == {("phone", "missing")}
    assert run.state == "succeeded", "it is an alarm, not a failure"
    (alarm,) = ResourceState.objects.get().drift
    assert drift.sentence("Testbook", alarm) == (
        "Testbook no longer sends phone: it came in 100% of records before, and in none of the last 60."
    )
    read(vendor, ledger, without(people(60), "phone"))
    assert ResourceState.objects.get().drift == [alarm], "it is said since when, and once"
    read(vendor, ledger, [*without(people(59), "phone"), contact(60, phone="1")])
    assert alarms() == set()


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (49, 60, False),  # too few to know what is usual
        (60, 49, False),  # too few to know that it has stopped
        (50, 50, True),
    ],
)
def test_how_many_records_it_takes(ledger, vendor, before, now, said):
    read(vendor, ledger, people(before))
    read(vendor, ledger, without(people(now), "phone"))
    assert (("phone", "missing") in alarms()) is said


@pytest.mark.parametrize(("usual", "said"), [(11, False), (12, True)])
def test_a_field_that_seldom_came_is_not_missed(ledger, vendor, usual, said):
    read(vendor, ledger, [*people(usual), *without(people(60), "phone")[usual:]])
    read(vendor, ledger, without(people(60), "phone"))
    assert (("phone", "missing") in alarms()) is said


def test_an_empty_text_is_no_value(ledger, vendor):
    read(vendor, ledger, people(60))
    read(vendor, ledger, [{**one, "phone": ""} for one in people(60)])
    assert alarms() == {("phone", "missing")}


def test_few_records_a_read_are_collected_until_they_say_something(ledger, vendor):
    read(vendor, ledger, people(60))
    for _ in range(2):
        read(vendor, ledger, without(people(20), "phone"))
        assert alarms() == set()
    read(vendor, ledger, without(people(20), "phone"))
    assert alarms() == {("phone", "missing")}


def test_a_number_that_becomes_text_is_an_alarm(ledger, vendor):
    read(vendor, ledger, people(60, number=7))
    read(vendor, ledger, people(60, number="seven"))
    assert ("number", "kind") in alarms()
    (alarm,) = ResourceState.objects.get().drift
    assert drift.sentence("Testbook", alarm) == "Testbook now sends number as text: it was a number before."
    read(vendor, ledger, people(60, number=8))
    assert alarms() == set()


def test_a_field_that_was_always_mixed_is_no_alarm(ledger, vendor):
    read(vendor, ledger, [*people(30, number=7), *people(60, number="7")[30:]])
    read(vendor, ledger, people(60, number="seven"))
    assert alarms() == set()


def test_the_end_of_a_read_judges_and_not_its_first_batch(ledger, vendor, monkeypatch):
    """A list in the order of its making has its newest fields at the end."""
    monkeypatch.setattr(pull, "MOST_PAGES", 1)
    records = [*without(people(100), "phone")[:70], *people(100)[70:]]
    read(vendor, ledger, records)
    read(vendor, ledger, records)
    assert alarms() == set()


def test_what_was_looked_at_survives_an_interruption(ledger, vendor, monkeypatch):
    monkeypatch.setattr(pull, "MOST_PAGES", 1)
    read(vendor, ledger, people(60))
    vendor.faults = [*[None] * 25, Reply({}, 500)]
    vendor.lists("/offsets", without(people(60), "phone"))
    assert run_sync(ledger, "offsets").state == "failed"
    assert ResourceState.objects.get().arrivals["phone"][2] == 50
    run_sync(ledger, "offsets")
    assert alarms() == {("phone", "missing")}


def test_deleted_records_that_say_nothing_else_are_no_alarm(ledger, vendor):
    vendor.lists("/staff", [person(n) for n in range(60)])
    run_sync(ledger, "staff")
    vendor.lists("/staff", [{"id": f"p{n}", "gone": True} for n in range(60)])
    run_sync(ledger, "staff")
    assert alarms("staff") == set()


def test_a_dismissed_alarm_does_not_come_back(ledger, vendor):
    read(vendor, ledger, people(60))
    read(vendor, ledger, without(people(60), "phone"))
    assert drift.dismiss(ResourceState.objects.get(), "phone")
    assert not drift.dismiss(ResourceState.objects.get(), "phone")
    read(vendor, ledger, without(people(60), "phone"))
    assert alarms() == set()


def test_an_alarm_dismissed_while_the_resource_is_read_does_not_come_back(ledger, vendor, monkeypatch):
    read(vendor, ledger, people(60))
    read(vendor, ledger, without(people(60), "phone"))
    vendor.lists("/offsets", without(people(60), "phone"))
    run_sync(ledger, "offsets", progress=lambda run: drift.dismiss(ResourceState.objects.get(), "phone"))
    assert alarms() == set()
    read(vendor, ledger, without(people(60), "phone"))
    assert alarms() == set()


def test_a_field_that_is_no_longer_mapped_is_not_missed(ledger, vendor, monkeypatch):
    read(vendor, ledger, people(60))
    read(vendor, ledger, without(people(60), "phone"))
    mapping = type(registry.get("testbook").resource("offsets").mapping)(
        *(step for step in registry.get("testbook").resource("offsets").mapping.fields if step.to != "phone")
    )
    declare(monkeypatch, offsets={"mapping": mapping})
    read(vendor, ledger, without(people(60), "phone"))
    assert alarms() == set()


def test_one_chapters_alarm_is_not_the_others(vendor, sydney, melbourne):
    for chapter in (sydney, melbourne):
        with hub.enter(chapter):
            read(vendor, connect(), people(60))
    with hub.enter(sydney):
        from integrations.connections.models import Connection

        read(vendor, Connection.objects.get(), without(people(60), "phone"))
        assert alarms() == {("phone", "missing")}
    with hub.enter(melbourne):
        assert alarms() == set()


def test_looking_costs_no_statement_and_a_sample_whatever_the_size(ledger, vendor, monkeypatch):
    def statements(number):
        vendor.lists("/staff", [person(n) for n in range(number)])
        with CaptureQueriesContext(database) as captured:
            run_sync(ledger, "staff")
        return len(captured)

    statements(5)
    few = statements(5)
    looked = []
    plain = drift._kind
    monkeypatch.setattr(drift, "_kind", lambda value: looked.append(value) or plain(value))
    vendor.lists("/staff", [person(n) for n in range(1_000)])
    run_sync(ledger, "staff")
    fields = len(ResourceState.objects.get().arrivals)
    assert len(looked) <= drift.SAMPLE * fields
    assert statements(5) <= few
