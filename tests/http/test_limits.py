"""How fast an account may be asked, counted for all workers together."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import requests

from integrations.http import limits, shared, slots
from integrations.http.budget import Budget
from integrations.http.session import through
from integrations.http.transport import Transport
from integrations.provider import RateLimit, RateLimited
from tests import fakes
from tests.doors import caller
from tests.http.vendor import as_json, late

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def limited(**rate):
    return caller(fakes.make("limited", limits=RateLimit(**rate)), "live")


@contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """Seconds the block has taken: a place in the queue comes nearer meanwhile, and tokens come back."""
    began = time.monotonic()
    ended = 0.0
    yield lambda: ended - began
    ended = time.monotonic()


@pytest.mark.parametrize(
    "declared", [{"per_second": n} for n in (1, 2, 5, 100)] + [{"per_minute": n} for n in (1, 2, 60)]
)
def test_burst_and_refill_together_never_pass_the_vendors_number(declared):
    (window,) = limits.windows(limited(**declared))
    (allowed,) = declared.values()
    assert window.capacity >= 1
    assert window.rate > 0
    assert window.capacity + window.rate * window.period <= max(allowed, 2)


def test_a_burst_goes_at_once_and_the_rest_queues_up():
    who = limited(per_minute=60)
    windows = limits.windows(who)
    with stopwatch() as took:
        waits = [limits.take(who, windows).wait for _ in range(15)]
    assert waits[:12] == [0] * 12
    for wait, whole in zip(waits[12:], [1.25, 2.5, 3.75], strict=True):
        assert whole - took() <= wait <= whole


def test_a_token_comes_back_with_time():
    who = limited(per_second=10)
    windows = limits.windows(who)
    for _ in range(2):
        assert limits.take(who, windows).wait == 0
    time.sleep(0.3)
    assert limits.take(who, windows).wait == 0


def test_a_daily_budget_is_filled_up_when_its_day_is_over():
    who = limited(per_day=3)
    windows = limits.windows(who)
    waits = [limits.take(who, windows).wait for _ in range(4)]
    assert waits[:3] == [0, 0, 0]
    assert waits[3] == pytest.approx(86_400, abs=5)
    shared.execute("UPDATE public.hub_ratebucket SET updated_at = updated_at - interval '1 day'", {})
    assert limits.take(who, windows).wait == 0


def test_every_window_counts():
    who = limited(per_second=100, per_day=2)
    windows = limits.windows(who)
    assert [limits.take(who, windows).wait > 80_000 for _ in range(3)] == [False, False, True]


def test_a_place_in_the_queue_that_is_given_back_is_free_again():
    who = limited(per_minute=5)
    windows = limits.windows(who)
    limits.take(who, windows)
    with stopwatch() as took:
        first = limits.take(who, windows).wait
        limits.give_back(windows)
        again = limits.take(who, windows).wait
    assert first > 10
    assert first - took() <= again <= first


def test_a_wait_beyond_our_patience_is_said_and_not_slept(vendor):
    who = limited(per_minute=5)
    windows = limits.windows(who)
    limits.take(who, windows)
    session = through(requests.Session(), Transport(who, Budget(waiting=1)))
    with pytest.raises(RateLimited, match="Limited allows only so many requests") as caught:
        session.get("https://api.limited.example/")
    assert 10 < caught.value.retry_after < 16


def test_accounts_environments_and_providers_do_not_share_a_limit():
    one = limited(per_minute=5)
    for other in (
        caller(one.provider, "live"),
        caller(one.provider, "sandbox", account=one.account),
        caller(fakes.make("other", limits=RateLimit(per_minute=5)), "live", account=one.account),
    ):
        limits.take(one, limits.windows(one))
        assert limits.take(other, limits.windows(other)).wait == 0


def test_two_connections_to_one_account_share_its_limit():
    one = limited(per_minute=5)
    two = caller(one.provider, "live", account=one.account)
    assert limits.take(one, limits.windows(one)).wait == 0
    assert limits.take(two, limits.windows(two)).wait > 0


def test_a_long_account_id_still_makes_a_key():
    who = caller(fakes.THROTTLED, "live", account="a" * 200)
    assert all(len(window.key) <= 200 for window in limits.windows(who))
    assert limits.take(who, limits.windows(who)).wait == 0


def test_threads_share_a_limit():
    who = limited(per_minute=100)
    windows = limits.windows(who)
    waits: list[float] = []

    def work():
        waits.extend(limits.take(who, windows).wait for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(8)]
    with stopwatch() as took:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert 20 <= sum(wait == 0 for wait in waits) <= 20 + took() * windows[0].rate
    assert 45 - took() <= max(waits) <= 45


def test_processes_share_a_limit():
    who = limited(per_minute=100)
    (window,) = limits.windows(who)
    script = f"""
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
import django; django.setup()
from types import SimpleNamespace
from uuid import uuid4
from integrations.http import limits
window = limits.Window(key={window.key!r}, capacity={window.capacity}, rate={window.rate}, period={window.period})
who = SimpleNamespace(connection_id=uuid4())
print("ready", flush=True)
sys.stdin.readline()
print(sum(limits.take(who, [window]).wait == 0 for _ in range(15)))
"""
    command = [sys.executable, "-c", script]
    runs = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for run in runs:
        assert run.stdout.readline() == "ready\n"
    with stopwatch() as took:
        for run in runs:
            run.stdin.write("go\n")
            run.stdin.flush()
        free = [int(run.communicate(timeout=60)[0]) for run in runs]
    assert 20 <= sum(free) <= 20 + took() * window.rate
    assert all(free)


def test_a_limit_that_was_used_stays_used_when_the_caller_rolls_back(sydney):
    from django.db import transaction

    who = limited(per_minute=5)
    windows = limits.windows(who)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        limits.take(who, windows)
        raise ZeroDivisionError
    assert limits.take(who, windows).wait > 0


def test_a_dead_database_connection_is_replaced():
    who = limited(per_minute=60)
    limits.take(who, limits.windows(who))
    (pid,) = shared.execute("SELECT pg_backend_pid()", {})[0]
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 60000)", [pid])  # and waits until it has ended
        assert cursor.fetchone() == (True,)
    assert limits.take(who, limits.windows(who)).wait == 0


def test_only_so_many_requests_are_in_flight_at_once(vendor):
    flight, highest, guard = 0, 0, threading.Lock()

    def answer(seen):
        nonlocal flight, highest
        with guard:
            flight += 1
            highest = max(highest, flight)
        late(0.15)(seen)
        with guard:
            flight -= 1
        return as_json({})

    vendor.on("/v1/things", answer)
    who = caller(fakes.THROTTLED)

    def ask():
        through(requests.Session(), Transport(who, Budget())).get("https://api.throttled.example/v1/things")

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert vendor.count("/v1/things") == 6
    assert highest == 2


def test_the_slots_of_other_processes_count(django_db_setup):
    from django.db import connection

    who = caller(fakes.THROTTLED)
    account = slots.account_of(who)
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, 0), pg_advisory_lock(%s, 1)", [account, account])
            with pytest.raises(slots.NoSlot), slots.hold(who, 0.1):
                pytest.fail("a third slot")
            cursor.execute("SELECT pg_advisory_unlock(%s, 1)", [account])
            with slots.hold(who, 0.1):
                pass
    finally:
        other.close()


def test_when_no_slot_comes_free_the_caller_is_told_to_come_later():
    who = caller(fakes.THROTTLED)
    with slots.hold(who, 0), slots.hold(who, 0), pytest.raises(slots.NoSlot), slots.hold(who, 0.1):
        pytest.fail("a third slot")
    with slots.hold(who, 0):
        pass
