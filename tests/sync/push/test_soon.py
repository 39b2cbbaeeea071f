"""A save is looked at at once, at the cost of one query per transaction, and of none where nobody sends anything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext

from finance.models import Invoice, Party
from integrations import hub
from integrations.connections.models import Connection
from integrations.hub.models import Job
from integrations.sync.models import ResourceState
from integrations.sync.push import soon, switch

from .conftest import two_way
from .test_sending import contacts
from .test_wishes import looks

pytestmark = pytest.mark.services


class Rollback(Exception):
    """The test wants the transaction undone."""


@pytest.fixture
def sending(ledger, shop):
    contacts(shop)
    two_way(ledger)
    Job.objects.all().delete()
    return ledger


@pytest.fixture
def nobody(ledger):
    """Nobody sends anything, and that is not known yet."""
    soon.somebody_sends()
    return ledger


def asked(body: Callable[[], object]) -> int:
    """How often it is asked who sends."""
    with CaptureQueriesContext(database) as found:
        body()
    return sum('FROM "integrations_resourcestate"' in str(query["sql"]) for query in found)


def save(name: str = "New") -> Party:
    return Party.objects.create(name=name)


def save_many() -> None:
    with transaction.atomic():
        for number in range(10):
            save(f"New {number}")


def test_many_saves_of_a_transaction_are_one_question_after_it(sending):
    def many() -> None:
        with transaction.atomic():
            assert asked(lambda: [save(), save(), save()]) == 0
            assert looks() == []

    assert asked(many) == 1
    (job,) = looks()
    assert job.payload == {"connection": str(sending.pk), "resource": "contacts:send"}
    Job.objects.all().delete()
    assert (asked(save_many), len(looks())) == (1, 1)


def test_of_several_kinds_that_are_saved_each_is_looked_at(sending):
    with transaction.atomic():
        Invoice.objects.create(
            number="1", type="receivable", status="draft", currency="AUD", issued_on=date(2026, 2, 3),
            subtotal_minor=0, tax_minor=0, total_minor=0,
        )  # fmt: skip
        save()
    assert len(looks()) == 1


def test_what_is_rolled_back_is_not_looked_at(sending):
    with pytest.raises(Rollback), transaction.atomic():
        save()
        raise Rollback
    assert looks() == []
    with transaction.atomic(), pytest.raises(Rollback), transaction.atomic():
        save()
        raise Rollback
    assert looks() == []


@pytest.mark.parametrize("order", ["before", "after", "deeper"])
def test_a_save_beside_a_savepoint_that_is_rolled_back_is_looked_at(sending, order):
    with transaction.atomic():
        if order == "before":
            save()
        if order == "deeper":
            with transaction.atomic():
                save()
        with pytest.raises(Rollback), transaction.atomic():
            save()
            with transaction.atomic():
                save()
            raise Rollback
        if order == "after":
            save()
    assert len(looks()) == 1


def test_where_nobody_sends_anything_that_is_asked_once_a_minute(nobody, monkeypatch):
    now = soon.time.monotonic()
    monkeypatch.setattr(soon.time, "monotonic", lambda: now)
    assert (asked(save), asked(save), asked(save_many)) == (1, 0, 0)
    now += 59
    assert asked(save) == 0
    now += 2
    assert (asked(save), asked(save)) == (1, 0)
    assert looks() == []


def test_as_soon_as_somebody_sends_saves_are_looked_at(nobody, shop):
    contacts(shop)
    save()
    switch.switch_on(nobody, "contacts", creates=True)
    Job.objects.all().delete()
    save()
    assert len(looks()) == 1


def test_what_one_chapter_sends_is_no_matter_of_the_other(sending, chapters):
    chapter = hub.current()
    database.set_schema_to_public()
    with hub.enter(chapters["melbourne"]):
        soon.somebody_sends()
        assert (asked(save), asked(save)) == (1, 0)
        assert looks() == []
        Party.objects.all().delete()
    database.set_tenant(chapter)
    save()
    assert len(looks()) == 1


def test_a_transaction_over_both_chapters_looks_in_neither_of_them_for_the_other(sending, chapters):
    chapter = hub.current()
    database.set_schema_to_public()
    with hub.enter(chapters["melbourne"]):
        ResourceState.objects.create(connection=Connection.objects.get(), resource="contacts", sends=True)
        soon.somebody_sends()
    with transaction.atomic():
        with hub.enter(chapters["melbourne"]):
            save()
            Party.objects.all().delete()
        with hub.enter(chapters["sydney"]):
            save()
    assert looks() == [], "outside of both: the look of every minute finds it"
    with transaction.atomic():
        with hub.enter(chapters["melbourne"]):
            save()
            Party.objects.all().delete()
        database.set_tenant(chapters["sydney"])
    assert looks() == [], "Melbourne's save is nothing that Sydney sends"
    with transaction.atomic():
        database.set_schema_to_public()
        with hub.enter(chapters["melbourne"]):
            save()
            Party.objects.all().delete()
        database.set_tenant(chapters["sydney"])
        save()
    (job,) = looks()
    assert job.chapter_id == chapters["sydney"].pk
    database.set_tenant(chapter)


def test_a_look_that_fails_does_not_fail_who_saved(sending, monkeypatch):
    monkeypatch.setattr(soon, "_sending", lambda: 1 / 0)
    assert save().pk
    with transaction.atomic():
        made = save()
    assert Party.objects.filter(pk=made.pk).exists()


def test_what_is_no_record_costs_nothing(sending):
    assert asked(lambda: Connection.objects.get().save()) == 0
