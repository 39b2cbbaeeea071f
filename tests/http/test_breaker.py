"""A vendor that keeps failing is left alone for a while."""

from __future__ import annotations

import pytest
import requests

from integrations.http import breaker, shared
from integrations.http.budget import Budget
from integrations.http.session import through
from integrations.http.transport import Transport
from integrations.provider import Temporary
from tests import fakes
from tests.doors import caller
from tests.http.vendor import Reply, as_json

pytestmark = [pytest.mark.django_db, pytest.mark.services]

URL = "https://api.acme.example/v1/things"


def ask(who, *, probe=False):
    return through(requests.Session(), Transport(who, Budget(attempts=1), probe=probe)).get(URL).status_code


def state(who):
    return shared.execute(
        "SELECT failures, round(extract(epoch FROM open_until - clock_timestamp()))::int FROM public.hub_breaker"
        " WHERE connection_id = %(id)s",
        {"id": who.connection_id},
    )[0]


def pause_is_over(who):
    shared.execute(
        "UPDATE public.hub_breaker SET open_until = clock_timestamp() - interval '1 second' WHERE connection_id = %(id)s",
        {"id": who.connection_id},
    )


@pytest.fixture
def tripped(vendor):
    vendor.on("/v1/things", Reply(500))
    who = caller(fakes.ACME)
    for _ in range(5):
        assert ask(who) == 500
    return who


def test_five_failures_in_a_row_open_it_for_a_minute(vendor, tripped):
    assert state(tripped) == (5, 60)
    with pytest.raises(
        Temporary, match=r"failed 5 times in a row and is left alone .* asked again in about 60 seconds"
    ):
        ask(tripped)
    assert vendor.count("/v1/things") == 5


def test_another_connection_of_the_same_vendor_goes_on(tripped):
    assert ask(caller(fakes.ACME)) == 500


def test_a_success_between_failures_begins_the_count_again(vendor):
    vendor.on("/v1/things", Reply(500), Reply(500), as_json({}), Reply(500))
    who = caller(fakes.ACME)
    for _ in range(4):
        ask(who)
    assert state(who) == (1, None)


def test_a_refusal_is_no_failure(vendor):
    who = caller(fakes.ACME)
    for status in (400, 401, 403, 404, 409, 422, 429):
        vendor.on("/v1/things", Reply(status, headers={"Retry-After": "0"}))
        ask(who)
    assert not shared.execute(
        "SELECT 1 FROM public.hub_breaker WHERE connection_id = %(id)s", {"id": who.connection_id}
    )


def test_after_the_pause_one_request_tries_and_its_success_closes_it(vendor, tripped):
    pause_is_over(tripped)
    vendor.on("/v1/things", as_json({}))
    assert ask(tripped) == 200
    assert state(tripped) == (0, None)


def test_after_the_pause_one_request_tries_and_its_failure_doubles_the_pause(tripped):
    pause_is_over(tripped)
    assert ask(tripped) == 500
    assert state(tripped) == (6, 120)
    pause_is_over(tripped)
    assert ask(tripped) == 500
    assert state(tripped) == (7, 240)


def test_while_one_tries_the_others_wait(tripped):
    pause_is_over(tripped)
    assert breaker.claim_probe(tripped.connection_id)
    assert not breaker.claim_probe(tripped.connection_id)
    with pytest.raises(Temporary, match="left alone"):
        ask(tripped)


def test_failures_that_were_under_way_when_it_opened_do_not_lengthen_the_pause(tripped):
    for _ in range(10):
        breaker.failed(tripped.connection_id, probe=False)
    assert state(tripped) == (5, 60)


def test_the_pause_never_grows_beyond_an_hour(tripped):
    shared.execute(
        "UPDATE public.hub_breaker SET failures = 500 WHERE connection_id = %(id)s", {"id": tripped.connection_id}
    )
    breaker.failed(tripped.connection_id, probe=True)
    assert state(tripped) == (501, 3600)


def test_a_person_who_asks_on_purpose_is_not_stopped(vendor, tripped):
    vendor.on("/v1/things", as_json({}))
    assert ask(tripped, probe=True) == 200
    assert state(tripped) == (0, None)
