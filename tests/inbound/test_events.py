"""From the inbox into the chapter, and what is then done."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from finance.models import Party
from integrations import hub
from integrations.connections.models import Connection
from integrations.http import documents
from integrations.hub.jobs import Work, claims, enqueue, inbox
from integrations.hub.models import InboxDelivery, Job
from integrations.inbound import addresses, settling, taking, tasks
from integrations.inbound.models import InboundEvent
from integrations.sync import reread
from integrations.sync.engine import run_sync
from integrations.sync.models import QuarantinedRecord, RecordLink, ResourceState, SyncRun
from tests.provider.signers import certificate, paypal
from tests.sync.testbook import contact
from tests.sync.vendor import Reply

from .conftest import call, connect, event, events, for_all, form, signed, work

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def has(vendor: Any, *records: dict[str, Any]) -> None:
    """The vendor has these contacts, in a list and one by one."""
    vendor.lists("/contacts", list(records))
    for path in [path for path in vendor.routes if path.startswith("/contacts/")]:
        del vendor.routes[path]
    for one in records:
        vendor.routes[f"/contacts/{one['id']}"] = lambda asked, one=one: Reply(one)


def fetched(vendor: Any) -> list[str]:
    return [one.path for one in vendor.asked]


class TestOneRecord:
    def test_what_changed_is_fetched_and_taken_over(self, both, vendor, sydney, melbourne):
        has(vendor, contact(1, name="Ada"), contact(2))
        signed("sydney", event())
        work()
        assert fetched(vendor) == ["/contacts/c1"]
        with hub.enter(sydney):
            assert [party.name for party in Party.objects.all()] == ["Ada"]
        with hub.enter(melbourne):
            assert not Party.objects.exists()
            assert not InboundEvent.objects.exists()
        (one,) = events(sydney)
        assert (one.state, one.note, one.record) == ("done", "Fetched and taken over.", "c1")
        assert not InboxDelivery.objects.exists()

    def test_an_event_that_comes_again_is_done_once(self, both, vendor, sydney):
        has(vendor, contact(1))
        for number in range(3):
            signed("sydney", {**event(), "pending_webhooks": number})
            work()
        assert fetched(vendor) == ["/contacts/c1"]
        assert len(events(sydney)) == 1

    def test_several_of_one_record_are_one_look(self, both, vendor, sydney):
        has(vendor, contact(1))
        for number in range(5):
            signed("sydney", event(number))
        work()
        assert fetched(vendor) == ["/contacts/c1"]
        assert [one.state for one in events(sydney)] == ["done"] * 5

    def test_an_event_without_a_name_that_was_done_counts_again(self, both, vendor, sydney):
        has(vendor, contact(1, name="First"))
        unnamed = {name: value for name, value in event().items() if name != "id"}
        for name in ("First", "Second"):
            has(vendor, contact(1, name=name))
            signed("sydney", unnamed)
            work()
        with hub.enter(sydney):
            assert Party.objects.get().name == "Second"
        assert len(events(sydney)) == 1

    def test_a_record_that_was_deleted_is_marked(self, both, vendor, sydney):
        has(vendor, contact(1))
        signed("sydney", event())
        work()
        has(vendor)
        signed("sydney", event(2))
        work()
        with hub.enter(sydney):
            assert RecordLink.objects.get().state == "active", "that it is away is no deletion"
        signed("sydney", event(3, "contact.deleted"))
        work()
        with hub.enter(sydney):
            assert RecordLink.objects.get().state == "remote_deleted"
        assert [one.note for one in events(sydney)][-1] == "Gone there."

    def test_a_record_that_cannot_be_applied_is_set_aside(self, both, vendor, sydney):
        has(vendor, contact(1, status="LOST"))
        signed("sydney", event())
        work()
        with hub.enter(sydney):
            assert QuarantinedRecord.objects.get().external_id == "c1"
        assert events(sydney)[0].state == "done"

    def test_what_a_run_brought_meanwhile_is_not_overwritten(self, both, vendor, sydney, monkeypatch):
        """The record is fetched, then a run brings a newer one, and only then would what was fetched be written."""
        has(vendor, contact(1, name="Old"))
        fetch = reread.fetched

        def slowly(*asked: Any, **more: Any) -> Any:
            record = fetch(*asked, **more)
            if record["name"] == "Old":
                has(vendor, contact(1, name="New"))
                run_sync(both["sydney"], "contacts")
            return record

        monkeypatch.setattr(reread, "fetched", slowly)
        signed("sydney", event())
        work()
        with hub.enter(sydney):
            assert Party.objects.get().name == "New"
        assert fetched(vendor) == ["/contacts/c1", "/contacts", "/contacts/c1"]
        assert events(sydney)[0].state == "done"


class TestMany:
    def test_many_are_one_run(self, both, vendor, sydney):
        has(vendor, *(contact(number) for number in range(1, 60)))
        for number in range(1, 60):
            signed("sydney", event(number, record=f"c{number}"))
        work()
        assert "/contacts/c1" not in fetched(vendor)
        with hub.enter(sydney):
            assert Party.objects.count() == 59
            run = SyncRun.objects.get()
            assert run.trigger == "webhook"
        assert {one.run_id for one in events(sydney)} == {run.pk}

    def test_a_resource_without_an_address_for_one_is_read(self, both, vendor, sydney):
        vendor.routes["/tags"] = lambda asked: Reply([{"name": "new", "size": 1}])
        signed("sydney", event(1, "tag.changed", "new"))
        work()
        with hub.enter(sydney):
            assert SyncRun.objects.get().resource == "tags"
            assert SyncRun.objects.get().state == "succeeded"

    def test_while_a_run_reads_the_next_one_is_waited_for(self, both, vendor, sydney):
        vendor.routes["/tags"] = lambda asked: Reply([])
        with hub.enter(sydney):
            run = SyncRun.objects.create(
                connection=both["sydney"], resource="tags", state="running", progress_at=timezone.now()
            )
        signed("sydney", event(1, "tag.changed", "new"))
        work()
        (one,) = events(sydney)
        assert one.state == "waiting"
        with hub.enter(sydney):
            SyncRun.objects.filter(pk=run.pk).update(state="succeeded")
            InboundEvent.objects.update(next_try_at=timezone.now())
        Job.objects.filter(state="ready").update(run_at=timezone.now())
        work()
        (one,) = events(sydney)
        assert one.state == "done"
        assert one.run_id not in (None, run.pk)


class TestTroubles:
    def test_a_fault_of_the_vendors_is_tried_again_and_then_given_up(self, both, vendor, sydney):
        vendor.routes["/contacts/c1"] = lambda asked: Reply({}, 500)
        signed("sydney", event())
        for attempt in range(1, 9):
            work()
            (one,) = events(sydney)
            assert one.attempts == attempt
            with hub.enter(sydney):
                InboundEvent.objects.update(next_try_at=timezone.now())
            Job.objects.filter(state="ready").update(run_at=timezone.now())
        assert one.state == "failed"
        assert "fault of its own" in one.note

    def test_what_is_new_does_not_wait_for_what_failed(self, both, vendor, sydney):
        vendor.routes["/contacts/c1"] = lambda asked: Reply({}, 500)
        signed("sydney", event())
        work()
        has(vendor, contact(2))
        assert Job.objects.get(state="ready").run_at > timezone.now() + timedelta(seconds=5)
        signed("sydney", event(2, record="c2"))
        work()
        assert [(one.record, one.state) for one in events(sydney)] == [("c1", "waiting"), ("c2", "done")]

    def test_nor_where_only_the_tick_finds_it(self, both, vendor, sydney):
        vendor.routes["/contacts/c1"] = lambda asked: Reply({}, 500)
        signed("sydney", event())
        work()
        later = timezone.now() + timedelta(minutes=9)
        signed("sydney", event(2, record="c2"))
        Job.objects.filter(state="ready").update(run_at=later)
        InboxDelivery.objects.update(received_at=timezone.now() - timedelta(seconds=10))
        assert inbox.wish_for_what_is_left() == 1
        assert Job.objects.get(state="ready").run_at < later

    def test_a_pause_of_the_vendors_costs_no_attempt(self, both, vendor, sydney):
        has(vendor, contact(1))
        vendor.faults = [Reply({}, 429, {"Retry-After": "30"})]
        signed("sydney", event())
        work()
        (one,) = events(sydney)
        assert (one.state, one.attempts) == ("waiting", 0)
        assert Job.objects.get(state="ready").run_at > timezone.now() + timedelta(seconds=20)

    def test_a_topic_nobody_acts_on_is_kept_and_left(self, both, sydney):
        signed("sydney", event(1, "weather.changed"))
        work()
        (one,) = events(sydney)
        assert (one.state, one.note) == ("ignored", "Nobody here acts on this topic.")

    @pytest.mark.parametrize(
        "body", [b"", b"not json", b"[[1]]", b'{"a":"\\u0000"}', b"7", b"[" * 1000, b"\xff\xfe", b'{"id":NaN}']
    )
    def test_a_body_that_is_none_is_kept_with_its_reason(self, both, sydney, body):
        assert signed("sydney", body).status == "200 OK"
        work()
        (one,) = events(sydney)
        assert one.state in {"failed", "ignored"}
        assert one.note
        assert not InboxDelivery.objects.exists()

    def test_a_connection_that_was_disconnected_leaves_it_to_its_next_sync(self, both, vendor, sydney):
        with hub.enter(sydney):
            Connection.objects.update(status=Connection.Status.EXPIRED)
        signed("sydney", event())
        work()
        assert vendor.asked == []
        assert events(sydney)[0].state == "ignored"

    def test_a_resource_that_is_switched_off_is_left_alone(self, both, vendor, sydney):
        with hub.enter(sydney):
            ResourceState.objects.create(connection=both["sydney"], resource="contacts", enabled=False)
        signed("sydney", event())
        work()
        assert vendor.asked == []

    def test_what_nobody_wished_for_the_tick_does(self, both, vendor, sydney):
        has(vendor, contact(1))
        signed("sydney", event())
        Job.objects.all().delete()
        InboxDelivery.objects.update(received_at=timezone.now() - timedelta(seconds=10))
        assert inbox.wish_for_what_is_left() == 1
        assert inbox.wish_for_what_is_left() == 0
        work()
        assert events(sydney)[0].state == "done"

    def test_what_is_over_is_forgotten_after_a_while(self, both, vendor, sydney, settings):
        has(vendor, contact(1))
        signed("sydney", event())
        work()
        with hub.enter(sydney):
            InboundEvent.objects.update(received_at=timezone.now() - timedelta(days=31))
            enqueue(tasks.UPKEEP)
        work()
        assert events(sydney) == []


class TestForAll:
    def test_each_chapter_gets_its_own(self, both, vendor, sydney, melbourne):
        has(vendor, contact(1), contact(2))
        for_all(
            {
                "events": [
                    {**event(1), "tenant": "org-sydney"},
                    {**event(2, record="c2"), "tenant": "org-melbourne"},
                    {**event(3, record="c3"), "tenant": "org-of-nobody"},
                ]
            }
        )
        work()
        assert [one.record for one in events(sydney)] == ["c1"]
        assert [one.record for one in events(melbourne)] == ["c2"]
        for chapter, name in ((sydney, "Contact 1"), (melbourne, "Contact 2")):
            with hub.enter(chapter):
                assert [party.name for party in Party.objects.all()] == [name]
        assert not InboxDelivery.objects.exists()

    def test_what_cannot_be_read_stays_with_its_reason(self, both):
        for_all(b"nonsense")
        for_all({"events": [{**event(1), "tenant": "org-sydney"}]})
        work()
        (row,) = InboxDelivery.objects.all()
        assert row.problem == "It is no JSON."

    def test_dropping_a_chapter_drops_its_bodies(self, both, sydney):
        signed("sydney", event())
        sydney.delete(force_drop=False)
        assert not InboxDelivery.objects.exists()


class TestFetchedKeys:
    @pytest.fixture
    def paypal_(self, vendor, sydney, melbourne, monkeypatch) -> list[str]:
        for chapter in (sydney, melbourne):
            with hub.enter(chapter):
                addresses.keep_secret(connect("by-certificate"), f"WH-{chapter.slug}")
        asked: list[str] = []

        def fetch(url: str) -> bytes:
            asked.append(url)
            return certificate(at=int(timezone.now().timestamp()))

        monkeypatch.setattr(documents, "fetch", fetch)
        return asked

    def told(self, chapter: str, webhook_id: str, **more: str) -> Any:
        delivery = paypal(webhook_id.encode(), json.dumps(event()).encode())
        headers = {name.replace("-", "_"): value for name, value in delivery.headers.items()}
        return call(f"/api/v1/webhooks/by-certificate/{chapter}", delivery.body, **{**headers, **more})

    def test_it_is_kept_unverified_and_settled_by_the_job(self, paypal_, vendor, sydney):
        has(vendor, contact(1))
        assert self.told("sydney", "WH-sydney").status == "200 OK"
        assert InboxDelivery.objects.get().verified is False
        assert paypal_ == [], "nothing is fetched while the vendor waits"
        work()
        assert paypal_ == ["https://api.paypal.com/v1/notifications/certs/CERT-1"]
        assert events(sydney)[0].state == "done"

    def test_a_wrong_signature_is_gone_and_has_done_nothing(self, paypal_, vendor, sydney):
        self.told("sydney", "WH-melbourne")
        work()
        assert events(sydney) == []
        assert not InboxDelivery.objects.exists()
        assert vendor.asked == []

    def test_what_came_after_the_keys_were_looked_at_waits_its_turn(self, paypal_, vendor, sydney, both, monkeypatch):
        """Neither into a chapter nor, of what is for all, into several."""
        self.told("sydney", "WH-sydney")
        for_all({"events": [{**event(1), "tenant": "org-sydney"}]})
        InboxDelivery.objects.update(verified=False)
        monkeypatch.setattr(settling, "_settle", lambda *_: None)
        work()
        assert InboxDelivery.objects.count() == 2
        assert events(sydney) == []
        assert vendor.asked == []

    def test_a_certificate_from_elsewhere_is_refused_at_the_door(self, paypal_):
        told = self.told("sydney", "WH-sydney", paypal_cert_url="https://evil.example/cert")
        assert told.status == "401 Unauthorized"

    def test_a_key_that_cannot_be_had_is_waited_for(self, paypal_, vendor, sydney, monkeypatch):
        def away(url: str) -> bytes:
            raise documents.NotThere("The vendor's key could not be fetched (it answered 503).")

        monkeypatch.setattr(documents, "fetch", away)
        self.told("sydney", "WH-sydney")
        work()
        assert InboxDelivery.objects.get().verified is False
        assert Job.objects.get(state="ready").last_error.startswith("The vendor's key")


class TestForms:
    def test_a_form_is_read_like_a_document(self, vendor, sydney, melbourne, settings):
        has(vendor, contact(1))
        with hub.enter(sydney):
            url = addresses.of(connect("by-token")).url
        call(
            url.removeprefix(settings.PUBLIC_URL),
            form(**{"type": "update", "data[id]": "c1", "data[merges][EMAIL]": "x"}),
        )
        work()
        (one,) = events(sydney)
        assert (one.record, one.state) == ("c1", "done")
        with hub.enter(sydney):
            assert json.loads(one.payload.reveal()) == {
                "type": "update",
                "data": {"id": "c1", "merges": {"EMAIL": "x"}},
            }


def test_a_batch_is_taken_over_by_as_many_statements_as_one_delivery(both, vendor, sydney, monkeypatch):
    def taken(number: int) -> int:
        for one in range(number):
            signed("sydney", event(number * 100 + one, "weather.changed"))
        job = claims.claim()
        with hub.enter(sydney) as chapter, CaptureQueriesContext(database) as asked:
            work_ = Work(id=job.id, chapter=chapter, key=job.key, payload=job.payload, attempt=1, token=job.token)
            assert taking.take(both["sydney"].pk, "signed", work_) == number
        Job.objects.all().delete()
        database.set_schema_to_public()
        return len(asked)

    taken(1)
    assert taken(1) == taken(50)


def test_duplicated_and_shuffled_each_event_has_one_effect(both, vendor, sydney):
    has(vendor, *(contact(number) for number in range(1, 21)))
    told = [event(number, record=f"c{number % 20 + 1}") for number in range(100)] * 5
    random.Random(7).shuffle(told)
    for position, one in enumerate(told):
        signed("sydney", {**one, "attempt": position})
        if position % 97 == 0:
            work()
    work()
    assert len(events(sydney)) == 100
    assert {one.state for one in events(sydney)} == {"done"}
    with hub.enter(sydney):
        assert Party.objects.count() == 20
