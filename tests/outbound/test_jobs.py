"""Changes travel by jobs: from a commit to a receiver, chapter by chapter, and a receiver that hangs is in nobody's way."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.utils import timezone
from standardwebhooks import Webhook

from integrations import hub
from integrations.hub.jobs import regular, worker
from integrations.hub.models import Job
from integrations.outbound import events, outcomes, retries, services, tasks, upkeep
from integrations.outbound.models import Attempt, Delivery, Endpoint, EndpointSecret, Event
from members.models import Member

from .receiving import Answer

pytestmark = pytest.mark.services


def work() -> int:
    return worker.drain(seconds=30)


def test_a_saved_member_reaches_the_receivers_of_its_chapter(committed, endpoint, receiver):
    sydney, melbourne = committed["sydney"], committed["melbourne"]
    ours, theirs = endpoint(sydney, "member.*", path="/sydney"), endpoint(melbourne, "member.*", path="/melbourne")
    with hub.enter(sydney):
        Member.objects.create(display_name="Ada Lovelace")
    with hub.enter(melbourne):
        Member.objects.create(display_name="Bea Melbourne")
    work()
    found = {got.path: got for got in receiver.got}
    assert set(found) == {"/hook/sydney", "/hook/melbourne"}
    for one, path, name in ((ours, "/hook/sydney", "Ada Lovelace"), (theirs, "/hook/melbourne", "Bea Melbourne")):
        said = Webhook(one.secret).verify(found[path].body, found[path].headers)
        assert (said["type"], said["data"]["record"]["display_name"]) == ("member.created", name)
    assert not Job.objects.exclude(state="done").exists()


def test_what_nobody_announced_is_found_by_the_minutes_look(committed, endpoint, receiver):
    sydney = committed["sydney"]
    endpoint(sydney, "member.*")
    with hub.enter(sydney):
        Member.objects.bulk_create([Member(display_name="Ada"), Member(display_name="Bea")])
    work()
    assert receiver.got == []
    regular.wish("outbound.look")
    Job.objects.filter(kind="outbound.look").update(run_at=timezone.now())
    work()
    assert sorted(got.event["data"]["record"]["display_name"] for got in receiver.got) == ["Ada", "Bea"]


def test_a_failed_delivery_is_sent_again_when_its_time_has_come(committed, endpoint, receiver, monkeypatch):
    monkeypatch.setattr(retries, "AFTER", (timedelta(milliseconds=50), timedelta(milliseconds=50)))
    endpoint(committed["sydney"], "connection.*")
    receiver.answers = [Answer(500), Answer(502)]
    with hub.enter(committed["sydney"]):
        events.emit("connection.connected", {})
    work()
    for _ in range(2):
        time.sleep(0.1)
        work()
    assert len(receiver.got) == 3
    assert len({got.id for got in receiver.got}) == 1
    with hub.enter(committed["sydney"]):
        assert Delivery.objects.get().state == "delivered"


def test_those_that_hang_share_one_job_and_others_need_not_wait_for_it(committed, endpoint, receiver, monkeypatch):
    monkeypatch.setattr("integrations.http.receiver.TOTAL_SECONDS", 1)
    monkeypatch.setattr(retries, "TROUBLED", 1)
    sydney = committed["sydney"]
    receiver.by_path = {f"/hook/slow{n}": Answer(200, seconds=3) for n in range(3)}
    for path in receiver.by_path:
        endpoint(sydney, "connection.*", path=path.removeprefix("/hook"))
    endpoint(sydney, "connection.*", path="/fast")
    with hub.enter(sydney):
        events.emit("connection.connected", {})
    work()
    with hub.enter(sydney):
        assert Endpoint.objects.exclude(rests_until=None).count() == 3
        events.emit("connection.broken", {})
        Endpoint.objects.exclude(rests_until=None).update(rests_until=timezone.now())
    jobs = Job.objects.filter(state="ready")
    assert sorted(job.kind for job in jobs) == ["outbound.probe", "outbound.send"]
    jobs.update(run_at=timezone.now())
    began = time.monotonic()
    work()
    assert time.monotonic() - began < 2.5, "they were asked one after the other"
    assert [got.event["type"] for got in receiver.got if got.path == "/hook/fast"] == [
        "connection.connected",
        "connection.broken",
    ]


def test_one_that_answers_again_is_sent_everything_that_waited(committed, endpoint, receiver, monkeypatch):
    monkeypatch.setattr(retries, "AFTER", (timedelta(0),) * 9)
    monkeypatch.setattr(retries, "TROUBLED", 1)
    monkeypatch.setattr(retries, "FIRST_REST", timedelta(milliseconds=100))
    endpoint(committed["sydney"], "connection.*")
    receiver.usual = Answer(500)
    with hub.enter(committed["sydney"]):
        for _ in range(20):
            events.emit("connection.connected", {})
    work()
    with hub.enter(committed["sydney"]):
        assert Delivery.objects.filter(state="waiting").count() == 20
    receiver.usual = Answer(200)
    time.sleep(0.2)
    work()
    with hub.enter(committed["sydney"]):
        assert not Delivery.objects.exclude(state="delivered").exists()
        assert Endpoint.objects.get().rests_until is None


def test_events_are_forgotten_with_everything_made_of_them_after_their_time(committed, endpoint, settings):
    for chapter in committed.values():
        made = endpoint(chapter)
        with hub.enter(chapter):
            for _ in range(2):
                events.emit("connection.connected", {})
            row = Delivery.objects.order_by("pk").first()
            Attempt.objects.create(delivery=row, endpoint=made, at=timezone.now())
            services.rotate(made)
    with hub.enter(committed["sydney"]):
        old = Event.objects.order_by("pk").first()
        Event.objects.filter(pk=old.pk).update(
            at=timezone.now() - timedelta(days=settings.WEBHOOK_EVENTS_KEEP_DAYS + 1)
        )
        EndpointSecret.objects.exclude(expires_at=None).update(expires_at=timezone.now() - timedelta(seconds=1))
        assert upkeep.prune() == 1
        assert (Event.objects.count(), Delivery.objects.count(), Attempt.objects.count()) == (1, 1, 0)
        assert EndpointSecret.objects.count() == 1
    with hub.enter(committed["melbourne"]):
        assert upkeep.prune() == 0
        assert (Event.objects.count(), Delivery.objects.count(), Attempt.objects.count()) == (2, 2, 1)
        assert EndpointSecret.objects.count() == 2


def test_a_chapter_where_nobody_asks_costs_one_question(committed, django_assert_num_queries):
    with hub.enter(committed["sydney"]):
        with django_assert_num_queries(2) as asked:  # one of them finds the chapter's schema
            tasks.look(None)
        assert "integrations_endpoint" in asked[-1]["sql"]
        assert outcomes.next_due(Endpoint()) is None
