"""Whatever is wrong with a read, absence in it deletes nothing: a table of cases, for every way of paging."""

from __future__ import annotations

import pytest

from integrations.connections.models import Connection
from integrations.provider import CursorPage, FullComparison, Offset, PageNumber, SinglePage
from integrations.sync import pull
from integrations.sync.engine import run_sync
from integrations.sync.models import RecordLink, SeenKey, SyncRun

from .declared import declare
from .testbook import contact
from .vendor import Reply

pytestmark = [pytest.mark.django_db, pytest.mark.services]
WAYS = {
    "offset": Offset(size=10, size_param="size", total="total"),
    "page number": PageNumber(size=10, size_param="size"),
    "token": CursorPage(param="after", token="next", more="more", size=10, size_param="size"),
    "at once": SinglePage(),
}
# What is wrong with an answer, and which of the read's answers it is (0 the first, 1 in the middle).
FAULTS = {
    "nothing changed": Reply(b"", 304),
    "a fault of theirs": Reply({"message": "sorry"}, 500),
    "a pause": Reply({}, 429, {"Retry-After": "600"}),
    "a refused sign-in": Reply({}, 401),
    "not there": Reply({"message": "no such list"}, 404),
    "a web page": Reply(b"<html><body>Maintenance</body></html>"),
    "half an answer": Reply(b'{"items": [{"id": "c1"}, {"id": "c'),
    "nothing": Reply(b""),
    "null": Reply(None),
    "no list": Reply({"data": []}),
    "a list that is none": Reply({"items": {"id": "c1"}}),
    "an error with status 200": Reply({"error": {"message": "rate limited"}}),
}


@pytest.fixture
def loaded(ledger, vendor, monkeypatch):
    """`loaded(way)`: forty contacts, read by that way of paging, with no brake at all."""

    def make(way):
        declare(monkeypatch, contacts={"pages": WAYS[way], "deletes": FullComparison(brake=1), "cursor": None})
        vendor.lists("/contacts", [contact(n) for n in range(40)])
        assert run_sync(ledger, "contacts").created == 40
        return ledger

    return make


def gone():
    return RecordLink.objects.exclude(state="active").count()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("way", "at"), [(way, at) for way in WAYS for at in (0, 1, 3) if at == 0 or way != "at once"])
def test_a_read_with_a_fault_in_it_deletes_nothing(loaded, vendor, way, fault, at):
    ledger = loaded(way)
    vendor.lists("/contacts", [contact(n) for n in range(40, 80)])  # none of ours is there any more
    vendor.faults = [*[None] * at, FAULTS[fault]]
    run_sync(ledger, "contacts")
    assert gone() == 0


@pytest.mark.parametrize("way", ["offset"])
def test_a_list_that_ends_before_its_total_deletes_nothing(loaded, vendor, way):
    ledger = loaded(way)
    plain = vendor.routes["/contacts"]
    vendor.lists("/contacts", [contact(n) for n in range(15)])
    cut = vendor.routes["/contacts"]
    vendor.routes["/contacts"] = lambda asked: Reply(cut(asked).body | {"total": plain(asked).body["total"]})
    run = run_sync(ledger, "contacts")
    assert gone() == 0
    assert run.deleted == 0


@pytest.mark.parametrize("way", WAYS)
def test_a_record_nobody_can_name_makes_absence_uncertain(loaded, vendor, way):
    ledger = loaded(way)
    vendor.lists("/contacts", [*(contact(n) for n in range(30)), contact(31, id=None)])
    run = run_sync(ledger, "contacts")
    assert (gone(), "nothing was taken as deleted" in run.message) == (0, True)


@pytest.mark.parametrize("way", ["offset", "page number", "token"])
def test_a_read_that_is_interrupted_and_goes_on_compares_with_all_it_saw(loaded, vendor, monkeypatch, way):
    monkeypatch.setattr(pull, "MOST_PAGES", 1)
    ledger = loaded(way)
    vendor.lists("/contacts", [contact(n) for n in range(40) if n != 39])
    vendor.faults = [None, None, Reply({}, 500)]
    assert run_sync(ledger, "contacts").state == "failed"
    assert (gone(), SeenKey.objects.count()) == (0, 20)
    assert run_sync(ledger, "contacts").deleted == 1


@pytest.mark.parametrize("way", ["offset", "page number", "token"])
def test_a_read_that_a_person_stops_deletes_nothing(loaded, vendor, monkeypatch, way):
    monkeypatch.setattr(pull, "MOST_PAGES", 1)
    ledger = loaded(way)
    vendor.lists("/contacts", [contact(n) for n in range(30)])
    run = SyncRun.objects.create(connection=ledger, resource="contacts")

    def stop(_):
        SyncRun.objects.filter(pk=run.pk).update(state="cancelled")

    assert run_sync(ledger, "contacts", run=run, progress=stop).state == "cancelled"
    assert gone() == 0


def test_a_batch_that_fails_takes_its_deletions_with_it(loaded, vendor, monkeypatch):
    ledger = loaded("offset")
    vendor.lists("/contacts", [contact(n) for n in range(30)])
    with monkeypatch.context() as broken, pytest.raises(ZeroDivisionError):
        broken.setattr(pull.ending.refs, "settle", lambda connection: 1 / 0)  # after the comparison, in its transaction
        run_sync(ledger, "contacts")
    assert gone() == 0


def test_a_connection_that_is_cut_meanwhile_deletes_nothing(loaded, vendor):
    ledger = loaded("offset")
    vendor.lists("/contacts", [])
    Connection.objects.update(status="disconnected")
    assert run_sync(ledger, "contacts").state == "failed"
    assert gone() == 0


def test_each_resource_has_its_own_brake(ledger, vendor, monkeypatch):
    declare(monkeypatch, contacts={"deletes": FullComparison(brake=0.5), "cursor": None})
    vendor.lists("/contacts", [contact(n) for n in range(40)])
    vendor.lists("/offsets", [contact(n) for n in range(100, 140)])
    for name in ("contacts", "offsets"):
        run_sync(ledger, name)
    vendor.lists("/contacts", [contact(n) for n in range(30)])
    vendor.lists("/offsets", [contact(n) for n in range(100, 130)])
    assert (run_sync(ledger, "contacts").deleted, run_sync(ledger, "offsets").state) == (10, "planned")
    assert gone() == 10
