"""A thread whose answers nobody wants any more: it ends at once, whatever it was waiting for, and the vendor is not blamed."""

from __future__ import annotations

import dataclasses
import threading

import pytest
import requests

from integrations.http import shared, slots
from integrations.http.budget import Budget
from integrations.http.halt import Halt, Halted
from integrations.http.session import through
from integrations.http.transport import Transport
from integrations.provider import RateLimit
from tests import fakes
from tests.doors import caller
from tests.http.test_transport import URL
from tests.http.vendor import Reply

pytestmark = pytest.mark.django_db
LONG = 60  # seconds; a test that waited so long would be seen


class Asking:
    """One request in a thread, under a Halt."""

    def __init__(self, concurrent: int | None = None) -> None:
        provider = dataclasses.replace(fakes.ACME, limits=RateLimit(concurrent=concurrent))
        budget = Budget(read=LONG, total=LONG, waiting=LONG)
        self.session = through(requests.Session(), Transport(caller(provider), budget))
        self.halt, self.met = Halt(), []
        self.thread = threading.Thread(target=self._ask)
        self.thread.start()

    def _ask(self) -> None:
        with self.halt:
            try:
                self.session.get(URL)
            except Exception as error:  # noqa: BLE001 what it is, the test says
                self.met.append(type(error))

    def is_told(self) -> None:
        self.halt.tell()
        self.thread.join(LONG / 2)
        assert not self.thread.is_alive()
        assert self.met == [Halted]


@pytest.fixture
def go_on():
    event = threading.Event()
    yield event
    event.set()


def test_a_request_under_way_is_broken_off_and_not_counted_as_a_failure(vendor, go_on):
    reached = threading.Event()

    def hang(_):
        reached.set()
        go_on.wait(LONG)
        return Reply()

    vendor.on("/v1/things", hang)
    asking = Asking()
    assert reached.wait(LONG)
    asking.is_told()
    assert shared.execute("SELECT * FROM public.hub_breaker", {}) == []


def test_a_wait_that_the_vendor_asked_for_is_not_waited_out(vendor):
    asked = threading.Event()

    def busy(_):
        asked.set()
        return Reply(503, headers={"Retry-After": str(LONG // 2)})

    vendor.on("/v1/things", busy)
    asking = Asking()
    assert asked.wait(LONG)
    asking.is_told()
    assert len(vendor.requests) == 1


def test_a_wait_for_a_slot_is_not_waited_out(vendor):
    with slots.hold(caller(dataclasses.replace(fakes.ACME, limits=RateLimit(concurrent=1))), 0):
        Asking(concurrent=1).is_told()
    assert vendor.requests == []


def test_nothing_is_begun_after_it_was_told(vendor):
    with Halt() as halt:
        halt.tell()
        with pytest.raises(Halted):
            through(requests.Session(), Transport(caller(fakes.ACME), Budget())).get(URL)
    assert vendor.requests == []


def test_other_threads_go_on(vendor):
    vendor.on("/v1/things", Reply())
    Halt().tell()
    assert through(requests.Session(), Transport(caller(fakes.ACME), Budget())).get(URL).status_code == 200
