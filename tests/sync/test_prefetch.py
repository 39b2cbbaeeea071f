"""The next pages are fetched while those before them are applied: same order, same place, same errors, and nothing left behind."""

from __future__ import annotations

import dataclasses
import threading

import pytest
from django.utils import timezone

from finance.models import Party
from integrations import hub, registry
from integrations.connections.models import Connection, Credential
from integrations.http import shared
from integrations.mapping.services import save_field_rules
from integrations.provider import ApiKey, RateLimit, RateLimited, Temporary
from integrations.sync import ahead, pull
from integrations.sync.engine import run_sync
from integrations.sync.models import RecordLink, ResourceState, SyncRun

from . import testbook
from .test_resume import Work
from .testbook import contact, person
from .vendor import Reply, Vendor

pytestmark = [pytest.mark.django_db, pytest.mark.services]
HOST = "api.testbook.example"
PATIENCE = 20  # seconds; how long a test waits for what must come


@pytest.fixture(autouse=True)
def _every_page_is_a_batch(monkeypatch):
    monkeypatch.setattr(pull, "MOST_PAGES", 1)


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    yield
    assert fetching() == []


def fetching() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "pages ahead"]


class Waiting:
    """A route that holds its answer to one page until it is let go."""

    def __init__(self, vendor: Vendor, path: str, page: str) -> None:
        self.plain, self.page = vendor.routes[path], page
        self.asked, self.go_on, self.answered = threading.Event(), threading.Event(), threading.Event()
        vendor.routes[path] = self

    def __call__(self, asked):
        if asked.query["page"] == self.page and not self.answered.is_set():
            self.asked.set()
            self.go_on.wait(PATIENCE)
            self.answered.set()
        return self.plain(asked)


def stop(run: SyncRun) -> None:
    SyncRun.objects.filter(pk=run.pk).update(state=SyncRun.State.CANCELLED, finished_at=timezone.now())


def place() -> object:
    """Where the read goes on, but for how the page before ended."""
    state = ResourceState.objects.get()
    return state.position and {name: part for name, part in state.position["place"].items() if name != "last"}


def test_the_next_page_is_asked_for_while_this_one_is_applied(ledger, vendor):
    vendor.lists("/contacts", [contact(n) for n in range(8)])
    third = Waiting(vendor, "/contacts", "3")
    seen = []

    def applied(run):
        seen.append((third.asked.wait(PATIENCE), run.created, place()))
        third.go_on.set()

    assert run_sync(ledger, "contacts", progress=applied).created == 8
    assert seen == [(True, 3, {"next": 2}), (True, 6, {"next": 3}), (True, 8, {"ended": True})]


@pytest.mark.parametrize(("pages", "records", "most"), [(4, 1000, 4), (1000, 10, 4), (1000, 1, 1)])
def test_never_more_than_so_many_pages_or_records_are_ahead_of_what_is_applied(
    ledger, vendor, monkeypatch, pages, records, most
):
    """Of three records each: the page that reaches the number of records is the last."""
    monkeypatch.setattr(ahead, "MOST_PAGES", pages)
    monkeypatch.setattr(ahead, "MOST_RECORDS", records)
    vendor.lists("/contacts", [contact(n) for n in range(30)])
    far = Waiting(vendor, "/contacts", str(1 + most))
    far.go_on.set()
    found = []

    def applied(run):
        far.asked.wait(PATIENCE)  # until as many are ahead as ever may be
        found.append(len(vendor.asked) - run.created // 3)

    assert run_sync(ledger, "contacts", progress=applied).created == 30
    assert max(found) == most


def test_records_keep_the_vendors_order(ledger, vendor):
    records = [contact(n * 7 % 40) for n in range(40)]
    vendor.lists("/contacts", records)
    run_sync(ledger, "contacts")
    assert list(RecordLink.objects.order_by("pk").values_list("external_id", flat=True)) == [
        one["id"] for one in records
    ]
    assert [one.query["page"] for one in vendor.asked] == [str(n) for n in range(1, 15)]


def follows(vendor: Vendor, path: str, records: list) -> None:
    """Two records per answer, and where the next are: as an address in the answer and in a header."""

    def route(asked):
        start = int(asked.query.get("start", 0))
        following = f"{vendor.url}{path}?start={start + 2}" if start + 2 < len(records) else None
        body = {"data": {"rows": records[start : start + 2], "next": following}, "items": records[start : start + 2]}
        return Reply(body, headers={"Link": f'<{following}>; rel="next"'} if following else {})

    vendor.routes[path] = route


def after_the_last(vendor: Vendor, path: str, records: list) -> None:
    ids = [one["id"] for one in records]

    def route(asked):
        start = ids.index(asked.query["after"]) + 1 if "after" in asked.query else 0
        return Reply({"items": records[start : start + 2]})

    vendor.routes[path] = route


WORDS = {
    "contacts": lambda vendor, records: vendor.lists("/contacts", records),  # page numbers
    "offsets": lambda vendor, records: vendor.lists("/offsets", records),
    "links": lambda vendor, records: follows(vendor, "/links", records),
    "headers": lambda vendor, records: follows(vendor, "/headers", records),
    "lasts": lambda vendor, records: after_the_last(vendor, "/lasts", records),
}


@pytest.mark.parametrize("resource", WORDS)
def test_an_error_in_a_page_ahead_comes_after_what_was_read_before_it(ledger, vendor, resource):
    """Whatever the word of pagination: two pages are kept, the third is asked for again, and none twice."""
    records = [contact(n) for n in range(9)]
    WORDS[resource](vendor, records)
    vendor.faults = [None, None, Reply({}, 500)]
    size = 3 if resource == "contacts" else 2
    run = SyncRun.objects.create(connection=ledger, resource=resource)
    with pytest.raises(Temporary):
        run_sync(ledger, resource, run=run, work=Work())
    run.refresh_from_db()
    assert (run.state, run.created, Party.objects.count()) == ("running", 2 * size, 2 * size)
    assert ResourceState.objects.get().cursor == ""
    vendor.asked.clear()
    run = run_sync(ledger, resource, run=run, work=Work())
    assert (run.state, run.created, run.fetched) == ("succeeded", 9, 9), run.message
    assert len(vendor.asked) == {"contacts": 2, "lasts": 3}.get(resource, 3)  # two full pages and the end


def test_a_parents_list_is_fetched_ahead_and_ends_where_the_next_begins(ledger, vendor):
    vendor.lists("/lists", [{"id": name, "name": name} for name in "abc"])
    for at, name in enumerate("abc"):
        vendor.lists(f"/lists/{name}/people", [person(10 * at + n) for n in range(5)])
    run_sync(ledger, "lists")
    vendor.asked.clear()
    vendor.faults = [None] * 4 + [Reply({}, 500)]
    failed = run_sync(ledger, "people")
    assert (failed.state, failed.created) == ("failed", 7)  # a's five, and b's first two
    run = run_sync(ledger, "people")
    assert (run.state, run.created, RecordLink.objects.filter(resource="people").count()) == ("succeeded", 8, 15)
    asked = [(one.path[7], one.query.get("offset", "0")) for one in vendor.asked]
    assert asked == [("a", "0"), ("a", "2"), ("a", "4"), ("b", "0"), ("b", "2"), ("b", "2"), ("b", "4"),
                     ("c", "0"), ("c", "2"), ("c", "4")]  # fmt: skip


def test_pages_that_wait_for_a_full_batch_are_kept_when_the_next_one_fails(ledger, vendor, monkeypatch):
    monkeypatch.setattr(pull, "MOST_PAGES", 50)
    vendor.lists("/contacts", [contact(n) for n in range(8)])
    vendor.faults = [None, None, Reply({}, 500)]
    run = run_sync(ledger, "contacts")
    assert (run.state, run.created, place()) == ("failed", 6, {"next": 3})


def test_an_error_of_ours_in_the_thread_is_not_swallowed(ledger, vendor, monkeypatch):
    vendor.lists("/contacts", [contact(n) for n in range(8)])
    plain = ahead.Page
    monkeypatch.setattr(
        "integrations.sync.pages.Page", lambda **more: plain(**more) if more["following"] == 2 else 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        run_sync(ledger, "contacts")
    assert Party.objects.count() == 3


def test_a_vendor_that_goes_round_in_circles_is_found_out_ahead_of_time_too(ledger, vendor):
    vendor.routes["/contacts"] = lambda asked: Reply({"items": [contact(n) for n in range(3)]})
    run = run_sync(ledger, "contacts")
    assert (run.state, run.created) == ("failed", 3)
    assert "the same page twice" in run.message


def test_at_the_end_of_a_turn_nothing_more_is_asked_and_nothing_is_asked_twice(ledger, vendor, monkeypatch):
    vendor.lists("/contacts", [contact(n) for n in range(60)])
    third = Waiting(vendor, "/contacts", "3")

    def over(run):
        third.asked.wait(PATIENCE)
        monkeypatch.setattr(pull, "TURN_SECONDS", -1)
        third.go_on.set()

    run = SyncRun.objects.create(connection=ledger, resource="contacts")
    with pytest.raises(pull.TurnOver):
        run_sync(ledger, "contacts", run=run, work=Work(), progress=over)
    run.refresh_from_db()
    assert (run.state, run.created, place()) == ("running", 9, {"next": 4})
    monkeypatch.setattr(pull, "TURN_SECONDS", 60)
    assert run_sync(ledger, "contacts", run=run, work=Work()).created == 60
    assert [one.query["page"] for one in vendor.asked] == [str(n) for n in range(1, 22)]


def test_a_turn_may_end_between_two_parents(ledger, vendor, monkeypatch):
    vendor.lists("/lists", [{"id": name, "name": name} for name in "abc"])
    for at, name in enumerate("abc"):
        vendor.lists(f"/lists/{name}/people", [person(at)])
    run_sync(ledger, "lists")
    vendor.asked.clear()
    monkeypatch.setattr(pull, "TURN_SECONDS", -1)
    run = SyncRun.objects.create(connection=ledger, resource="people")
    for done in (1, 2):
        with pytest.raises(pull.TurnOver):
            run_sync(ledger, "people", run=run, work=Work())
        run.refresh_from_db()
        assert (run.created, len(vendor.asked)) == (done, done)
    assert run_sync(ledger, "people", run=run, work=Work()).state == "succeeded"
    assert len(vendor.asked) == 3


def test_a_mapping_changed_meanwhile_stops_what_is_fetched_ahead(ledger, vendor, monkeypatch):
    monkeypatch.setattr(ahead, "MOST_PAGES", 2)  # so that the thread is still at work
    vendor.lists("/contacts", [contact(n, mobile="m") for n in range(30)])
    changes = [lambda: save_field_rules(ledger, "contacts", {"phone": {"source": "mobile"}})]
    threads = []

    def change(run):
        threads.append(len(fetching()))
        if changes:
            changes.pop()()

    run = run_sync(ledger, "contacts", progress=change)
    assert (run.state, set(Party.objects.values_list("phone", flat=True))) == ("succeeded", {"m"})
    assert max(threads) == 1


def test_one_page_needs_no_thread(ledger, vendor, monkeypatch):
    vendor.lists("/contacts", [contact(1)])
    monkeypatch.setattr(ahead, "_Reader", None)
    assert run_sync(ledger, "contacts").created == 1


# --- through the door it goes through in earnest ----------------------------------------------------------------------


@pytest.fixture
def open_ledger(running_vendor: Vendor, monkeypatch, settings, sydney, melbourne):
    """A function that declares the limits and connects in Sydney, which the test is inside."""
    running_vendor.reset()
    settings.LAB_URL = running_vendor.url

    def connect(limits: RateLimit) -> Connection:
        provider = dataclasses.replace(testbook.provider, base_url=f"https://{HOST}", auth=ApiKey(), limits=limits)
        monkeypatch.setattr(registry, "all_providers", lambda: {"testbook": provider})
        monkeypatch.setattr("integrations.http.limits.LAB_FACTOR", 1)
        made = Connection.objects.create(
            provider="testbook", name="Ledger", auth_kind="api_key", environment="lab", status="connected"
        )
        Credential.objects.create(connection=made, secret='{"key": "k-12345678"}')
        running_vendor.lists(f"/{HOST}/contacts", [contact(n) for n in range(30)])
        return made

    with hub.enter(sydney):
        yield connect
    with hub.enter(melbourne):
        assert not RecordLink.objects.exists()


def test_a_stopped_run_breaks_off_what_is_asked_ahead_and_blames_nobody(open_ledger, running_vendor):
    ledger = open_ledger(RateLimit())
    third = Waiting(running_vendor, f"/{HOST}/contacts", "3")

    def stopped(run):
        assert third.asked.wait(PATIENCE)
        stop(run)

    try:
        run = run_sync(ledger, "contacts", progress=stopped)
        assert (run.state, run.created, place()) == ("cancelled", 3, {"next": 2})
        assert not third.answered.is_set()  # nobody stayed for the answer
    finally:
        third.go_on.set()
    assert fetching() == []
    assert shared.execute("SELECT failures FROM public.hub_breaker", {}) == []


def test_the_accounts_limit_is_waited_for_ahead_and_its_end_is_raised_in_its_place(open_ledger, running_vendor):
    ledger = open_ledger(RateLimit(per_hour=4))
    run = SyncRun.objects.create(connection=ledger, resource="contacts")
    with pytest.raises(RateLimited) as limited:
        run_sync(ledger, "contacts", run=run, work=Work())
    assert limited.value.retry_after > 3000
    run.refresh_from_db()
    assert (run.created, place(), len(running_vendor.asked)) == (12, {"next": 5}, 4)
    assert "read; it goes on at" in run.message


def test_an_account_that_may_be_asked_by_one_at_a_time_is(open_ledger, running_vendor):
    ledger = open_ledger(RateLimit(concurrent=1))
    under_way, most = [], []
    plain = running_vendor.routes[f"/{HOST}/contacts"]

    def counted(asked):
        under_way.append(1)
        most.append(len(under_way))
        reply = plain(asked)
        under_way.pop()
        return reply

    running_vendor.routes[f"/{HOST}/contacts"] = counted
    assert run_sync(ledger, "contacts").created == 30
    assert max(most) == 1


def test_a_page_ahead_that_fails_is_tried_again_like_any_other(open_ledger, running_vendor):
    ledger = open_ledger(RateLimit())
    running_vendor.faults = [None, Reply({}, 503, {"Retry-After": "0"})]
    run = run_sync(ledger, "contacts")
    assert (run.state, run.created) == ("succeeded", 30)
    assert [one.query["page"] for one in running_vendor.asked][:3] == ["1", "2", "2"]
