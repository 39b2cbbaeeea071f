"""What changes in a chapter becomes events of that chapter: once per transaction and record, as the API shows the record."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime

import jsonschema
import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from finance.models import Invoice, InvoiceLine, Party, Payment, Payout
from integrations import hub, targets
from integrations.changes import feed, origins
from integrations.connections.models import Connection
from integrations.matching import merging
from integrations.outbound import catalogue, changes, services
from integrations.outbound.models import Delivery, Endpoint, Event
from members.models import Member, MemberConsent

from .conftest import jobs

pytestmark = pytest.mark.services


@pytest.fixture
def asking(committed, settings):
    """Both chapters ask for everything; nothing is sent anywhere."""
    settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1:21001"]
    for chapter in committed.values():
        with hub.enter(chapter):
            services.create(url="http://127.0.0.1:21001/", patterns=["*"])
    return committed


def told(chapter) -> list[tuple[str, dict]]:
    """Every event of the chapter: type and data, oldest first."""
    with hub.enter(chapter):
        while changes.follow():
            pass
        found = [(event.type, json.loads(event.body)) for event in Event.objects.order_by("pk")]
    for name, body in found:
        assert body["type"] == name
        jsonschema.validate(body["data"], catalogue.get(name).schema)
    return [(name, body["data"]) for name, body in found]


def member(**more) -> Member:
    return Member.objects.create(**{"display_name": "Ada Lovelace", "email": "ada@example.org", **more})


def test_a_record_that_is_made_and_changed_in_one_transaction_is_one_event(asking):
    with hub.enter(asking["sydney"]), transaction.atomic():
        made = member()
        MemberConsent.objects.create(member=made, channel="email", purpose="news", state="granted")
        Member.objects.filter(pk=made.pk).update(phone="0290000000")
    assert [name for name, _ in told(asking["sydney"])] == ["member.created"]
    assert told(asking["melbourne"]) == []
    _, data = told(asking["sydney"])[0]
    assert data["id"] == str(made.pk)
    assert data["target"] == "members.member"
    assert data["schema"] == "urn:canonical:member:1.0.0"
    assert data["record"]["phone"] == "0290000000"
    assert data["record"]["consents"] == [{"channel": "email", "purpose": "news", "state": "granted"}]
    assert data["changed"] == []


def test_two_transactions_are_two_events_and_each_says_what_it_changed(asking):
    with hub.enter(asking["sydney"]):
        made = member()
        told(asking["sydney"])
        Member.objects.filter(pk=made.pk).update(email="lovelace@example.org", given_name="Ada")
        MemberConsent.objects.create(member=made, channel="email", purpose="news", state="granted")
    new = told(asking["sydney"])[1:]
    assert [(name, data["changed"]) for name, data in new] == [
        ("member.updated", ["email", "given_name"]),
        ("member.updated", ["consents"]),
    ]


def test_a_status_says_from_what_to_what(asking):
    with hub.enter(asking["sydney"]):
        made = member(status="current")
        Member.objects.filter(pk=made.pk).update(status="lapsed")
    found = dict(told(asking["sydney"]))
    assert set(found) == {"member.created", "member.updated", "member.status.changed"}
    assert (found["member.status.changed"]["from"], found["member.status.changed"]["to"]) == ("current", "lapsed")


def test_a_merge_names_who_is_no_more(asking):
    with hub.enter(asking["sydney"]):
        kept, merged = member(), member(phone="0290000000")
        told(asking["sydney"])
        merging.merge(targets.get("members.member"), kept.pk, merged.pk, {})
    new = told(asking["sydney"])[2:]
    assert [name for name, _ in new] == ["member.merged"]
    assert (new[0][1]["id"], new[0][1]["merged"]) == (str(kept.pk), str(merged.pk))
    assert new[0][1]["origin"] == "a merge of two records"


def invoice(**more) -> Invoice:
    amounts = dict.fromkeys(("subtotal_minor", "total_minor", "due_minor"), 11_000)
    return Invoice.objects.create(
        **{"type": "receivable", "number": "INV-1", "issued_on": date(2026, 2, 1), "status": "authorised",
           "currency": "AUD", "tax_minor": 0, **amounts, **more}
    )  # fmt: skip


def test_an_invoice_that_is_paid_says_so_whether_it_became_paid_or_came_so(asking):
    with hub.enter(asking["sydney"]):
        made = invoice()
        Invoice.objects.filter(pk=made.pk).update(status="paid", paid_minor=11_000, due_minor=0)
        invoice(number="INV-2", status="paid", paid_minor=11_000, due_minor=0)
        invoice(number="INV-3", status="voided")
        Invoice.objects.filter(pk=made.pk).update(reference="later")
    found = [(name, data["record"]["number"]) for name, data in told(asking["sydney"])]
    assert found == [
        ("invoice.created", "INV-1"), ("invoice.updated", "INV-1"), ("invoice.paid", "INV-1"),
        ("invoice.created", "INV-2"), ("invoice.paid", "INV-2"),
        ("invoice.created", "INV-3"), ("invoice.voided", "INV-3"),
        ("invoice.updated", "INV-1"),
    ]  # fmt: skip


def test_money_is_told_as_the_api_shows_it(asking):
    with hub.enter(asking["sydney"]):
        party = Party.objects.create(name="Ada")
        made = invoice(party=party)
        InvoiceLine.objects.create(invoice=made, position=1, quantity="1", unit_amount="110", amount_minor=11_000)
        at = datetime(2026, 2, 1, tzinfo=UTC)
        Payment.objects.create(
            processor_ref="ch_1", status="succeeded", currency="JPY", amount_minor=500, occurred_at=at
        )
        Payout.objects.create(
            processor_ref="po_1", status="paid", currency="AUD", amount_minor=5, initiated_at=at, arrives_on=at.date()
        )
    found = dict(told(asking["sydney"]))
    assert found["invoice.updated"]["changed"] == ["lines"]
    assert found["invoice.updated"]["record"]["total"] == {"minor": 11_000, "currency": "AUD", "exponent": 2}
    assert found["invoice.updated"]["record"]["party"] == str(party.pk)
    assert found["payment.created"]["record"]["amount"] == {"minor": 500, "currency": "JPY", "exponent": 0}
    assert {"payout.created", "payout.paid"} <= set(found)


def test_a_record_that_is_gone_by_then_is_not_told(asking):
    with hub.enter(asking["sydney"]):
        member().delete()
    assert told(asking["sydney"]) == []


def test_who_changed_it_is_said_without_a_persons_name(asking):
    with hub.enter(asking["sydney"]):
        connection_of = Connection.objects.create(provider="xero", name="Sydney ledger", auth_kind="oauth2")
        person = User.objects.create_user("grace", first_name="Grace", last_name="Hopper")
        for origin in (origins.of_user(person), origins.of_connection(connection_of.pk), f"api:{uuid.uuid4()}", ""):
            with origins.by(origin):
                member()
    said = [data["origin"] for _, data in told(asking["sydney"])]
    assert said == [
        "a person",
        "“Sydney ledger”",
        "a program that uses the API",
        "somebody with access to the database",
    ]


def test_nothing_is_told_where_nobody_asks_and_what_happened_before_somebody_asked_is_old(committed, settings):
    sydney = committed["sydney"]
    settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1:21001"]
    with hub.enter(sydney):
        member()
    assert told(sydney) == []
    with hub.enter(sydney):
        services.create(url="http://127.0.0.1:21001/", patterns=["invoice.*"])
        member()
        invoice()
    assert [name for name, _ in told(sydney)] == ["invoice.created"]


def test_the_place_moves_past_what_nobody_asks_for_without_reading_it(committed, settings):
    settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1:21001"]
    with hub.enter(committed["sydney"]):
        services.create(url="http://127.0.0.1:21001/", patterns=["sync.failed"])
        for number in range(30):
            member(display_name=f"M{number}")
        with CaptureQueriesContext(connection) as asked:
            changes.follow()
        assert not any("JOIN integrations_change c" in query["sql"] for query in asked)
        assert feed.read(feed.position_of(changes.CONSUMER)) == []


def test_what_a_disabled_endpoint_misses_is_kept_for_it(asking):
    with hub.enter(asking["sydney"]):
        services.change(Endpoint.objects.get(), enabled=False)
        member()
    assert [name for name, _ in told(asking["sydney"])] == ["webhook.endpoint.disabled", "member.created"]
    with hub.enter(asking["sydney"]):
        assert not Delivery.objects.exists()


def test_a_transaction_larger_than_a_batch_and_a_border_between_two_lose_and_repeat_nothing(asking, monkeypatch):
    monkeypatch.setattr(changes, "AT_ONCE", 7)
    with hub.enter(asking["sydney"]):
        with transaction.atomic():
            Member.objects.bulk_create([Member(display_name=f"first {n}") for n in range(12)])
        for number in range(3):
            with transaction.atomic():
                made = [member(display_name=f"{number} {n}") for n in range(3)]
                for one in made:
                    Member.objects.filter(pk=one.pk).update(phone="1")
    found = told(asking["sydney"])
    assert len(found) == 21
    assert len({data["id"] for _, data in found}) == 21
    assert {name for name, _ in found} == {"member.created"}


def test_a_batch_costs_the_same_number_of_statements_whatever_its_size(asking):
    def statements(number: int) -> int:
        with hub.enter(asking["sydney"]):
            with transaction.atomic():
                Member.objects.bulk_create([Member(display_name=str(n)) for n in range(number)])
            with CaptureQueriesContext(connection) as asked:
                changes.follow()
            return len(asked)

    assert statements(3) == statements(300)


def test_a_transaction_that_is_still_open_hides_what_came_after_it_until_it_ends(asking):
    import psycopg

    with hub.enter(asking["sydney"]):
        parameters = {**connection.get_connection_params()}
        for ours in ("context", "cursor_factory", "prepare_threshold"):
            parameters.pop(ours, None)
        with psycopg.connect(**parameters) as other:
            other.execute("SELECT pg_current_xact_id()")
            member()
            assert told(asking["sydney"]) == []
            assert changes.unread()
            other.rollback()
        assert [name for name, _ in told(asking["sydney"])] == ["member.created"]
        assert not changes.unread()


def test_saving_a_record_wishes_for_a_look_when_it_is_committed(asking):
    with hub.enter(asking["sydney"]):
        with transaction.atomic():
            member()
            member()
            assert jobs(asking["sydney"], "outbound.look") == []
        assert len(jobs(asking["sydney"], "outbound.look")) == 1
    assert jobs(asking["melbourne"], "outbound.look") == []
