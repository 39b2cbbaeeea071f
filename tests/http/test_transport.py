"""What holds for every byte that leaves: sizes, times, redirects, repeats."""

from __future__ import annotations

import datetime as dt
import email.utils
import socket
import time

import pytest
import requests

from integrations.http.budget import Budget
from integrations.http.retry import retry_after
from integrations.http.session import through
from integrations.http.transport import Transport
from integrations.provider import Permanent, RateLimited, Temporary
from tests import fakes
from tests.doors import caller
from tests.http.vendor import Reply, as_json, dripping, half, late, packed, page

pytestmark = pytest.mark.django_db

URL = "https://api.acme.example/v1/things"
# Seconds: what nobody may wait for. A busy machine takes a few times as long as the budgets below, but not this.
LONG = 8


def session(provider=fakes.ACME, **changes) -> requests.Session:
    budget = Budget(**{"connect": 5, "read": LONG, "total": LONG, "waiting": 2, "attempts": 3, **changes})
    return through(requests.Session(), Transport(caller(provider), budget))


def test_a_vendor_that_does_not_answer_in_time_is_given_up(vendor):
    vendor.on("/v1/things", late(LONG))
    began = time.monotonic()
    with pytest.raises(
        Temporary, match=r"Acme did not answer within 1 second \(chapter Sydney, connection 'Our things'\)"
    ):
        session(attempts=1, read=0.6).get(URL)
    assert time.monotonic() - began < LONG


def test_a_timeout_that_a_caller_passes_is_not_listened_to(vendor):
    vendor.on("/v1/things", late(LONG))
    with pytest.raises(Temporary, match="did not answer"):
        session(attempts=1, read=0.6).get(URL, timeout=60)


def test_a_vendor_that_sends_a_byte_now_and_then_does_not_hold_a_worker(vendor):
    vendor.on("/v1/things", dripping(0.2, round(LONG / 0.2)))
    began = time.monotonic()
    with pytest.raises(Temporary, match="took longer than 1 second"):
        session(attempts=1, total=1).get(URL)
    assert time.monotonic() - began < LONG


def test_a_vendor_that_drips_its_headers_does_not_hold_a_worker_either(settings):
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.LAB_URL = f"http://127.0.0.1:{server.getsockname()[1]}"
        import threading

        def drip():
            peer, _ = server.accept()
            with peer:
                peer.recv(65536)
                for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * round(LONG / 0.1):
                    try:
                        peer.send(bytes([byte]))
                    except OSError:
                        return
                    time.sleep(0.1)

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        began = time.monotonic()
        with pytest.raises(Temporary, match="took longer than"):
            session(attempts=1, total=1).get(URL)
        assert time.monotonic() - began < LONG
        thread.join(2)


def test_half_an_answer_is_no_answer(vendor):
    vendor.on("/v1/things", half())
    with pytest.raises(Temporary, match="broke off in the middle"):
        session(attempts=1).get(URL)


def test_an_answer_that_is_too_large_is_not_read_to_its_end(vendor):
    vendor.on("/v1/things", Reply(200, (b"x" * 65_536 for _ in range(10_000))))
    with pytest.raises(Temporary, match="answered with more than 1 MB"):
        session(size=1_000_000).get(URL)
    assert vendor.count("/v1/things") == 1  # asking again would give the same


def test_a_small_answer_that_unpacks_into_a_large_one_is_stopped(vendor):
    vendor.on("/v1/things", packed(b"0" * 30_000_000))
    with pytest.raises(Temporary, match="answered with more than 1 MB"):
        session(size=1_000_000).get(URL)


def test_an_answer_that_cannot_be_unpacked_is_no_answer(vendor):
    vendor.on("/v1/things", Reply(200, b"not gzip at all", {"Content-Encoding": "gzip"}))
    with pytest.raises(Temporary, match="cannot be unpacked"):
        session(attempts=1).get(URL)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(vendor, status):
    vendor.on("/v1/things", Reply(status, b"", {"Location": "https://api.acme.example/elsewhere"}))
    with pytest.raises(Permanent, match="another address"):
        session().get(URL, allow_redirects=True)
    assert [seen.path for seen in vendor.requests] == ["/v1/things"]


def test_reading_is_repeated_until_it_works(vendor):
    vendor.on("/v1/things", Reply(500), half(), as_json({"ok": True}))
    assert session(waiting=20).get(URL).json() == {"ok": True}
    assert vendor.count("/v1/things") == 3


def test_reading_is_not_repeated_for_ever(vendor):
    vendor.on("/v1/things", Reply(503))
    assert session(waiting=20).get(URL).status_code == 503
    assert vendor.count("/v1/things") == 3


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_write_without_a_key_is_sent_once(vendor, status):
    vendor.on("/v1/things", Reply(status, headers={"Retry-After": "0"}))
    assert session().post(URL, json={}).status_code == status
    assert vendor.count("/v1/things") == 1


@pytest.mark.parametrize("reply", [half, lambda: late(LONG)])
def test_a_write_whose_answer_is_lost_is_not_repeated_and_says_what_to_do(vendor, reply):
    vendor.on("/v1/things", reply())
    with pytest.raises(Temporary, match="look there before repeating it") as caught:
        session(read=0.6).post(URL, json={})
    assert caught.value.outcome_unknown
    assert vendor.count("/v1/things") == 1


@pytest.mark.parametrize("header", ["Idempotency-Key", "X-Once"])
def test_a_write_that_carries_a_key_is_repeated(vendor, header):
    vendor.on("/v1/things", Reply(500), as_json({"ok": True}))
    assert session(waiting=20).post(URL, json={}, headers={header: "k1"}).json() == {"ok": True}
    assert [seen.headers[header.lower()] for seen in vendor.requests] == ["k1", "k1"]


def test_a_write_that_never_left_did_not_take_effect(settings):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    settings.LAB_URL = f"http://127.0.0.1:{port}"
    with pytest.raises(Temporary, match="could not be reached") as caught:
        session().post(URL, json={})
    assert not caught.value.outcome_unknown


def test_retry_after_is_waited_for(vendor):
    vendor.on("/v1/things", Reply(429, headers={"Retry-After": "1"}), as_json({"ok": True}))
    began = time.monotonic()
    assert session(waiting=LONG).get(URL).ok
    assert 1 <= time.monotonic() - began < LONG


def test_a_retry_after_beyond_our_patience_is_handed_back(vendor):
    vendor.on("/v1/things", Reply(429, headers={"Retry-After": "3600"}))
    began = time.monotonic()
    assert session(waiting=LONG).get(URL).status_code == 429
    assert time.monotonic() - began < LONG


def test_every_worker_waits_for_a_retry_after(vendor):
    vendor.on("/v1/things", Reply(429, headers={"Retry-After": "3600"}))
    who = caller(fakes.ACME)
    budget = Budget(attempts=1, waiting=1)
    through(requests.Session(), Transport(who, budget)).get(URL)
    with pytest.raises(RateLimited, match="goes on by itself in about 60 minutes") as caught:
        through(requests.Session(), Transport(who, budget)).get(URL)
    assert 3500 < caught.value.retry_after <= 3600
    assert vendor.count("/v1/things") == 1
    through(requests.Session(), Transport(caller(fakes.ACME), budget)).get(URL)  # another account is not held up
    assert vendor.count("/v1/things") == 2


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("-5", 0),
        ("1.5", 1.5),
        ("999999999", 86_400),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_retry_after_in_seconds(text, seconds):
    assert retry_after({"retry-after": text}) == seconds


def test_retry_after_as_a_date():
    then = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=90)
    assert retry_after({"retry-after": email.utils.format_datetime(then, usegmt=True)}) == pytest.approx(90, abs=2)
    assert retry_after({"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}) == 0


def test_a_web_page_where_data_should_be_counts_as_a_failure(vendor):
    from integrations.http import shared

    vendor.on("/v1/things", page())
    who = caller(fakes.ACME)
    through(requests.Session(), Transport(who, Budget(attempts=1))).get(URL)
    assert shared.execute(
        "SELECT failures FROM public.hub_breaker WHERE connection_id = %(id)s", {"id": who.connection_id}
    ) == [(1,)]


def test_no_cookie_is_kept(vendor):
    vendor.on("/v1/things", Reply(200, b"{}", {"Set-Cookie": "track=me; Path=/"}))
    opened = session()
    opened.get(URL)
    opened.get(URL)
    assert "cookie" not in vendor.requests[1].headers


def test_a_connection_is_kept_alive_between_requests(vendor):
    vendor.on("/v1/things", as_json({}))
    opened = session()
    opened.get(URL)
    (pool,) = opened.get_adapter(URL).poolmanager.pools._container.values()
    opened.get(URL)
    opened.get(URL)
    assert pool.num_connections == 1
