"""What is sent, how it is signed, and what becomes of an answer; against a real server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from integrations import hub
from integrations.http import receiver as door
from integrations.outbound import events, retries, sending, services, tasks
from integrations.outbound.models import Attempt, Delivery, Endpoint, EndpointSecret, Event

from .conftest import deliver, jobs
from .receiving import Answer

pytestmark = [pytest.mark.django_db, pytest.mark.services]

NEWS = {"connection": {"id": "c1", "name": "Sydney ledger", "provider": "xero"}, "status": "connected"}


def happen(chapter, number: int = 1, name: str = "connection.connected", **more) -> None:
    with hub.enter(chapter):
        for n in range(number):
            events.emit(name, {**NEWS, "n": n, **more})


def send(chapter, endpoint, **more):
    with hub.enter(chapter):
        return deliver(endpoint, **more)


def states(chapter) -> list[tuple[str, int]]:
    with hub.enter(chapter):
        return list(Delivery.objects.order_by("pk").values_list("state", "tries"))


def test_what_arrives_is_verified_by_the_official_library(sydney, melbourne, endpoint, receiver):
    made, others = endpoint(sydney), endpoint(melbourne)
    happen(sydney)
    send(sydney, made)
    send(melbourne, others)
    (got,) = receiver.got
    said = Webhook(made.secret).verify(got.body, got.headers)
    assert said["type"] == "connection.connected"
    assert said["data"] == {**NEWS, "n": 0}
    assert abs(datetime.fromisoformat(said["timestamp"]) - timezone.now()) < timedelta(seconds=20)
    assert got.id.startswith("evt_")
    assert got.headers["content-type"] == "application/json"
    assert states(sydney) == [("delivered", 1)]
    assert states(melbourne) == []
    with pytest.raises(WebhookVerificationError):
        Webhook(others.secret).verify(got.body, got.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(made.secret).verify(got.body.replace(b"xero", b"none"), got.headers)


def test_two_endpoints_get_the_same_event_with_the_same_id_and_their_own_signatures(sydney, endpoint, receiver):
    one, other = endpoint(sydney), endpoint(sydney, path="?second=yes")
    happen(sydney)
    send(sydney, one)
    send(sydney, other)
    first, second = receiver.got
    assert first.id == second.id
    assert first.body == second.body
    assert (first.path, second.path) == ("/hook", "/hook?second=yes")
    Webhook(one.secret).verify(first.body, first.headers)
    Webhook(other.secret).verify(second.body, second.headers)


def test_after_a_rotation_both_secrets_sign_for_a_day_and_then_the_new_one_alone(sydney, endpoint, receiver):
    made = endpoint(sydney)
    with hub.enter(sydney):
        newer = services.rotate(made)
        newest = services.rotate(made)
    happen(sydney)
    send(sydney, made)
    for secret in (made.secret, newer, newest):
        Webhook(secret).verify(receiver.got[0].body, receiver.got[0].headers)
    with hub.enter(sydney):
        EndpointSecret.objects.exclude(expires_at=None).update(expires_at=timezone.now())
    happen(sydney)
    send(sydney, made)
    assert receiver.got[1].headers["webhook-signature"].count("v1,") == 1
    Webhook(newest).verify(receiver.got[1].body, receiver.got[1].headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(made.secret).verify(receiver.got[1].body, receiver.got[1].headers)


def test_a_secret_stands_sealed_in_the_database_and_in_no_repr(sydney, endpoint):
    made = endpoint(sydney)
    with hub.enter(sydney):
        row = EndpointSecret.objects.get()
        assert made.secret not in repr(row.__dict__)
        assert row.secret.reveal() == made.secret
        assert made.secret.startswith("whsec_")
        assert len(made.secret) == 50


def test_an_endpoint_gets_what_it_asks_for_and_nothing_else(sydney, endpoint, receiver):
    made = endpoint(sydney, "connection.*", narrowed={"connection.provider": "xero", "n": 0})
    endpoint(sydney, "connection.broken")
    older = endpoint(sydney)
    with hub.enter(sydney):
        Endpoint.objects.filter(pk=older.pk).update(version=0)
    happen(sydney, 2)
    happen(sydney, name="sync.completed")
    happen(sydney, connection={"provider": "stripe"})
    with hub.enter(sydney):
        (only,) = Delivery.objects.select_related("event")
        assert only.endpoint_id == made.pk
        assert json.loads(only.event.body)["data"]["n"] == 0


def test_many_go_over_few_connections_and_are_saved_with_few_statements(sydney, endpoint, receiver):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    made = endpoint(sydney)
    happen(sydney, 100)
    with CaptureQueriesContext(connection) as asked:
        send(sydney, made)
    assert len({got.id for got in receiver.got}) == 100
    assert receiver.connections <= sending.CONNECTIONS
    assert len(asked) < 30
    with hub.enter(sydney):
        assert Attempt.objects.filter(ok=True, status=200).count() == 100


def test_the_table_of_retries_is_kept_and_then_it_has_failed(sydney, endpoint, receiver, monkeypatch):
    monkeypatch.setattr(retries.random, "uniform", lambda low, high: low)
    receiver.usual = Answer(500, body=b"no\x00pe")
    made, now, waits = endpoint(sydney), timezone.now(), []
    happen(sydney)
    with hub.enter(sydney):
        Delivery.objects.update(next_at=now)
        for _ in range(10):
            Endpoint.objects.update(rests_until=None, failing_since=None)
            deliver(made, now=now - timedelta(seconds=1))
            deliver(made, now=now)
            left = Delivery.objects.get()
            if left.next_at:
                waits.append(left.next_at - now)
                now = left.next_at
        minute = timedelta(minutes=1)
        assert waits == [
            timedelta(seconds=5), 5 * minute, 30 * minute, 120 * minute, 300 * minute, 600 * minute, 840 * minute,
            1200 * minute, 1440 * minute,
        ]  # fmt: skip
        left = Delivery.objects.get()
        assert (left.state, left.tries, left.status) == ("failed", 10, 500)
        assert left.error == "The endpoint answered 500."
        assert Attempt.objects.count() == len(receiver.got) == 10
        assert Attempt.objects.first().answer == "no\N{REPLACEMENT CHARACTER}pe"
    assert len({got.id for got in receiver.got}) == 1


def test_each_attempt_has_a_time_and_signature_of_its_own(sydney, endpoint, receiver):
    receiver.answers = [Answer(503)]
    made = endpoint(sydney)
    happen(sydney)
    send(sydney, made)
    with hub.enter(sydney):
        Delivery.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    import time

    time.sleep(1)
    send(sydney, made)
    first, second = receiver.got
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    Webhook(made.secret).verify(second.body, second.headers)
    assert states(sydney) == [("delivered", 2)]


@pytest.mark.parametrize("status", [429, 503])
def test_the_endpoint_rests_as_long_as_it_asks_for(sydney, endpoint, receiver, status):
    receiver.usual = Answer(status, {"Retry-After": "120"})
    made, now = endpoint(sydney), timezone.now()
    happen(sydney, 50)
    found = send(sydney, made)
    assert timedelta(seconds=119) < found.rests_until - now < timedelta(seconds=140)
    assert len(receiver.got) <= 2 * sending.CONNECTIONS, "the others of the batch were sent all the same"
    with hub.enter(sydney):
        tried = Delivery.objects.filter(tries=1)
        assert all(one.next_at - now > timedelta(seconds=119) for one in tried)


def test_a_wait_beyond_a_day_is_not_believed(sydney, endpoint, receiver):
    receiver.usual = Answer(429, {"Retry-After": "99999999"})
    made = endpoint(sydney)
    happen(sydney)
    assert send(sydney, made).rests_until - timezone.now() <= timedelta(days=1)


def test_410_disables_the_endpoint_and_the_others_are_told(sydney, endpoint, receiver):
    other = endpoint(sydney, "webhook.*", description="Operations")
    made = endpoint(sydney, "connection.*", description="Newsletter")
    receiver.usual = Answer(410)
    happen(sydney, 3)
    found = send(sydney, made)
    assert (found.enabled, found.disabled_because) == (False, "It answered 410 Gone: it wants no more events.")
    with hub.enter(sydney):
        assert {row.state for row in Delivery.objects.filter(endpoint=made)} == {"failed"}
        told = Delivery.objects.select_related("event").get(endpoint=other).event
        assert told.type == "webhook.endpoint.disabled"
        assert events.data_of(told)["description"] == "Newsletter"
    receiver.got.clear()
    happen(sydney)
    send(sydney, made)
    assert receiver.got == []


def failing(chapter, made, receiver, days: float, start: datetime):
    """One failed attempt, so many days after the start."""
    moment = start + timedelta(days=days)
    with hub.enter(chapter):
        Delivery.objects.filter(endpoint=made, state="waiting").update(next_at=start)
        Endpoint.objects.filter(pk=made.pk).update(rests_until=None)
        return deliver(made, now=moment)


def test_five_days_of_failures_disable_it_after_a_warning_on_the_third(sydney, endpoint, receiver):
    receiver.usual = Answer(500)
    other = endpoint(sydney, "webhook.*")
    made, start = endpoint(sydney, "connection.*"), datetime(2026, 2, 1, tzinfo=UTC)
    happen(sydney)
    assert failing(sydney, made, receiver, 0, start).failing_since is None
    failing(sydney, made, receiver, 0.1, start)
    assert failing(sydney, made, receiver, 0.2, start).failing_since == start + timedelta(days=0.2), "three in a day"
    assert failing(sydney, made, receiver, 3.1, start).warned_at is None
    assert failing(sydney, made, receiver, 3.3, start).warned_at
    assert failing(sydney, made, receiver, 5.1, start).enabled
    found = failing(sydney, made, receiver, 5.3, start)
    assert (found.enabled, found.disabled_because) == (False, "Every attempt of five days has failed.")
    with hub.enter(sydney):
        told = Event.objects.filter(deliveries__endpoint=other).order_by("pk").values_list("type", flat=True)
        assert list(told) == ["webhook.endpoint.failing", "webhook.endpoint.disabled"]


def test_one_success_stops_the_clock(sydney, endpoint, receiver):
    receiver.usual = Answer(500)
    made, start = endpoint(sydney, "connection.*"), datetime(2026, 2, 1, tzinfo=UTC)
    happen(sydney)
    for days in (0, 0.1, 0.2, 4):
        failing(sydney, made, receiver, days, start)
    receiver.usual = Answer(204)
    found = failing(sydney, made, receiver, 4.5, start)
    assert (found.failing_since, found.warned_at, found.failures) == (None, None, 0)
    receiver.usual = Answer(500)
    happen(sydney)
    assert failing(sydney, made, receiver, 5.5, start).enabled


def test_a_dead_endpoint_costs_one_probe_and_wakes_up_by_one_that_arrives(sydney, endpoint, receiver):
    made = endpoint(sydney)
    receiver.usual = Answer(None)
    happen(sydney, 60)
    found = send(sydney, made)
    tried = len(receiver.got)
    assert tried <= retries.TROUBLED + sending.CONNECTIONS
    assert found.rests_until
    with hub.enter(sydney):
        assert Attempt.objects.first().error == "The endpoint broke off in the middle of its answer."
        send(sydney, made)
        assert len(receiver.got) == tried, "it rests"
        sending.probe(now=timezone.now())
        assert len(receiver.got) == tried, "it still rests"
        later = found.rests_until + timedelta(seconds=1)
        sending.probe(now=later)
        assert len(receiver.got) == tried + 1
        again = Endpoint.objects.get(pk=made.pk)
        assert again.rests_until - later > found.rests_until - found.last_failure_at
        receiver.usual = Answer(200)
        sending.probe(now=again.rests_until)
        assert Endpoint.objects.get(pk=made.pk).rests_until is None
        Delivery.objects.filter(state="waiting").update(next_at=timezone.now() - timedelta(seconds=1))
        deliver(made)
        assert not Delivery.objects.exclude(state="delivered").exists()


def test_an_answer_is_kept_to_a_kilobyte_without_our_secret(sydney, endpoint, receiver):
    made = endpoint(sydney)
    receiver.usual = Answer(400, body=f"bad secret {made.secret} ".encode() + b"x" * 100_000)
    happen(sydney)
    send(sydney, made)
    with hub.enter(sydney):
        answer = Attempt.objects.get().answer
    assert answer.startswith("bad secret ****")
    assert made.secret not in answer
    assert len(answer) <= door.KEPT_BYTES


def test_a_redirect_is_a_failure_and_is_not_followed(sydney, endpoint, receiver):
    made = endpoint(sydney)
    receiver.usual = Answer(307, {"Location": receiver.url + "/elsewhere"})
    happen(sydney)
    send(sydney, made)
    assert [got.path for got in receiver.got] == ["/hook"]
    with hub.enter(sydney):
        assert "sending us to another address" in Delivery.objects.get().error


@pytest.mark.parametrize(
    "slow",
    [Answer(200, seconds=3), Answer(200, body=b"x" * 20, seconds=0.3, trickles=True)],
    ids=["silent", "trickles"],
)
def test_one_that_does_not_come_to_an_end_is_given_up_and_rests(sydney, endpoint, receiver, monkeypatch, slow):
    monkeypatch.setattr(door, "TOTAL_SECONDS", 1)
    made = endpoint(sydney)
    receiver.usual = slow
    happen(sydney)
    assert send(sydney, made).rests_until
    with hub.enter(sydney):
        assert Delivery.objects.get().error == "The endpoint did not answer within 1 seconds."
        assert 900 < Attempt.objects.get().milliseconds < 2_500


def test_an_address_that_has_become_private_is_not_gone_to(sydney, endpoint, receiver, settings):
    made = endpoint(sydney)
    happen(sydney)
    settings.WEBHOOK_PRIVATE_HOSTS = []
    send(sydney, made)
    assert receiver.got == []
    with hub.enter(sydney):
        assert Delivery.objects.get().error == "The endpoint has an address that is not https. We do not go there."


def test_what_a_worker_sent_and_could_not_save_is_sent_again_with_its_id(sydney, endpoint, receiver):
    from integrations.hub.jobs import LeaseLost

    class Lost:
        def fence(self):
            raise LeaseLost("gone")

    made = endpoint(sydney)
    happen(sydney, 3)
    with pytest.raises(LeaseLost):
        send(sydney, made, work=Lost())
    assert states(sydney) == [("waiting", 0)] * 3
    send(sydney, made)
    assert [got.id for got in receiver.got].count(receiver.got[0].id) == 2
    assert states(sydney) == [("delivered", 1)] * 3


def test_a_job_goes_on_when_the_next_is_due(sydney, endpoint, receiver):
    receiver.usual = Answer(500)
    made = endpoint(sydney)
    happen(sydney)
    (wish,) = jobs(sydney, "outbound.send")
    assert wish.key == str(made.pk)
    wish.delete()
    send(sydney, made)
    with hub.enter(sydney):
        tasks._go_on(made)
        (wish,) = jobs(sydney, "outbound.send")
        assert wish.run_at == Delivery.objects.get().next_at
        wish.delete()
        made.rests_until = timezone.now() + timedelta(hours=1)
        tasks._go_on(made)
    assert jobs(sydney, "outbound.send") == []
    assert len(jobs(sydney, "outbound.probe")) == 1


def test_a_sending_that_lost_its_job_is_found_by_the_minutes_look(sydney, melbourne, endpoint):
    made = endpoint(sydney)
    endpoint(melbourne)
    happen(sydney)
    for wish in jobs(sydney, "outbound.send"):
        wish.delete()
    with hub.enter(sydney):
        tasks.wake()
        assert jobs(sydney, "outbound.send") == []
        Delivery.objects.update(next_at=timezone.now() - timedelta(minutes=3))
        tasks.wake()
    assert [wish.key for wish in jobs(sydney, "outbound.send")] == [str(made.pk)]
    assert jobs(melbourne, "outbound.send") == []
