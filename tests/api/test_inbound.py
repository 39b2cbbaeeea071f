"""What a vendor delivered, through the API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import hub
from integrations.hub.models import AccountRoute, Job
from integrations.inbound import addresses
from integrations.inbound.models import InboundEvent

from .conftest import problem

pytestmark = pytest.mark.django_db


def told(connection, number, **more):
    now = timezone.now()
    row = {"topic": "person.updated", "resource": "people", "received_at": now, "next_try_at": now} | more
    return [
        InboundEvent.objects.create(
            connection=connection, key=f"{row['topic']}{n}", record=f"p{n}", payload='{"of": 1}', **row
        )
        for n in range(number)
    ]


@pytest.fixture
def shop(sydney, melbourne, connect):
    other = connect(melbourne)
    with hub.enter(melbourne):
        told(other, 1, topic="of.melbourne")
    mine = connect(sydney)
    with hub.enter(sydney):
        addresses.prepare(mine)
    return mine


def test_the_list_says_what_came_of_it_and_not_what_it_said(sydney, shop, with_key):
    with hub.enter(sydney):
        told(shop, 2, state="done", note="Fetched and taken over.")
        told(shop, 1, state="failed", topic="person.deleted")
    caller = with_key(sydney, "integrations:read")
    answer = caller.get("integrations/shop/webhook/events")
    assert [one["topic"] for one in answer.json()["results"]] == ["person.deleted", "person.updated", "person.updated"]
    assert b"payload" not in answer.content
    assert b"melbourne" not in answer.content
    found = caller.get("integrations/shop/webhook/events?state=failed").json()["results"]
    assert [one["state"] for one in found] == ["failed"]
    problem(caller.get("integrations/shop/webhook/events?state=lost"), 400, "invalid")


def test_one_is_shown_as_it_came(sydney, melbourne, shop, with_key):
    with hub.enter(sydney):
        (mine,) = told(shop, 1)
    with hub.enter(melbourne):
        theirs = InboundEvent.objects.get()
    caller = with_key(sydney, "records:read")
    assert caller.get(f"connections/{shop.pk}/webhook/events/{mine.pk}").json()["payload"] == '{"of": 1}'
    problem(caller.get(f"connections/{shop.pk}/webhook/events/{theirs.pk}"), 404)


def test_the_secret_goes_in_and_never_comes_out(sydney, shop, with_key):
    caller = with_key(sydney)
    before = caller.get("integrations/shop/webhook").json()
    assert before["ready"] is False
    assert before["url"].endswith("/api/v1/webhooks/shop/sydney")
    answer = caller.put("integrations/shop/webhook", {"secret": "whsec_9f2c51e0b7d84f1e"})
    assert answer.json() == {**before, "ready": True}
    assert b"9f2c51e0b7d84f1e" not in answer.content
    assert "whsec_9f2c51e0b7d84f1e" in AccountRoute.objects.get(connection_id=shop.pk).webhook_secrets.reveal()
    problem(caller.put("integrations/shop/webhook", {"secret": "short"}), 400, "invalid")


def test_nothing_is_delivered_to_who_is_not_connected(sydney, shop, with_key):
    AccountRoute.objects.all().delete()
    assert with_key(sydney).get("integrations/shop/webhook").json()["url"] is None
    problem(with_key(sydney).put("integrations/shop/webhook", {"secret": "whsec_9f2c51e0b7d84f1e"}), 409)


def test_replayed_are_those_that_failed_those_named_or_those_since(sydney, shop, with_key):
    with hub.enter(sydney):
        told(shop, 2, state="failed")
        (old,) = told(shop, 1, state="done", topic="old", received_at=timezone.now() - timedelta(days=9))
    caller = with_key(sydney, "sync:run")
    path = "integrations/shop/webhook/events/replay"
    assert caller.post(path, {}).json() == {"replayed": 2}
    assert caller.post(path, {}).json() == {"replayed": 0}
    assert caller.post(path, {"ids": [str(old.pk)]}).json() == {"replayed": 1}
    assert Job.objects.get(kind="inbound.drain").key == str(shop.pk)
    with hub.enter(sydney):
        InboundEvent.objects.update(state="done")
    assert caller.post(path, {"since": (timezone.now() - timedelta(days=1)).isoformat()}).json() == {"replayed": 2}
    problem(caller.post(path, {"since": "yesterday"}), 400, "invalid")
