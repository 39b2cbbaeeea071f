"""Idempotency-Key: what is sent twice is done once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import hub
from integrations.api.models import IdempotentRequest
from integrations.api.views import records as records_view
from integrations.provider import Temporary

from .conftest import problem

pytestmark = pytest.mark.django_db

RECORD = {
    "id": "01980f6e-8a01-7b11-9c55-3f1f0f6b2a90",
    "external_id": "t-1",
    "resource": "tags",
    "target": "members.tag",
    "schema": "urn:canonical:tag:1.0.0",
    "state": "active",
    "first_seen": timezone.now(),
    "last_changed": timezone.now(),
    "version": 1,
    "data": {"name": "Helpers"},
    "links": [],
}


@pytest.fixture
def created(monkeypatch):
    """The vendor keys under which something was created."""
    keys: list[str] = []

    def create_record(connection, resource, canonical, idempotency_key):
        keys.append(idempotency_key)
        if canonical["name"] == "broken":
            raise Temporary("Shop did not answer.", outcome_unknown=True)
        return RECORD

    monkeypatch.setattr(records_view.records, "create_record", create_record)
    return keys


def post(caller, name="Helpers", key="k-1"):
    return caller.post("integrations/shop/tags", {"name": name}, **({"idempotency_key": key} if key else {}))


def test_without_a_key_every_request_counts(sydney, with_key, connect, created):
    connect(sydney)
    caller = with_key(sydney)
    assert [post(caller, key="").status_code for _ in range(2)] == [201, 201]
    assert len(set(created)) == 2


def test_the_same_request_is_done_once_and_answered_alike(sydney, with_key, connect, created):
    connect(sydney)
    caller = with_key(sydney)
    first, again = post(caller), post(caller)
    assert (first.json(), first.status_code) == (again.json(), again.status_code)
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert len(created) == 1


def test_callers_and_chapters_never_share_a_key(sydney, melbourne, with_key, connect, created):
    for chapter in (sydney, melbourne):
        connect(chapter)
    for caller in (with_key(sydney), with_key(sydney), with_key(melbourne)):
        assert post(caller).status_code == 201
    assert len(set(created)) == 3


def test_a_key_used_for_something_else_is_refused(sydney, with_key, connect, created):
    connect(sydney)
    caller = with_key(sydney)
    post(caller)
    problem(post(caller, name="Others"), 422, "key-reused")
    sent = {"input": {"to": "somebody"}}
    problem(caller.post("integrations/shop/actions/send", sent, idempotency_key="k-1"), 422, "key-reused")
    assert len(created) == 1


def test_a_failure_is_not_kept_and_the_vendor_is_told_the_same_key(sydney, with_key, connect, created):
    connect(sydney)
    caller = with_key(sydney)
    found = problem(post(caller, name="broken"), 502, "vendor-unavailable")
    assert found["outcome_unknown"] is True
    problem(post(caller, name="broken"), 502, "vendor-unavailable")
    assert len(created) == 2
    assert len(set(created)) == 1
    assert len(created[0]) <= 128
    with hub.enter(sydney):
        assert not IdempotentRequest.objects.exists()


def test_while_the_first_is_under_way_the_second_waits(sydney, with_key, connect, created):
    connect(sydney)
    caller = with_key(sydney)
    post(caller)
    with hub.enter(sydney):
        IdempotentRequest.objects.update(status=None, body=None)
    answer = post(caller)
    problem(answer, 409, "under-way")
    assert int(answer["Retry-After"]) >= 1
    with hub.enter(sydney):
        IdempotentRequest.objects.update(started_at=timezone.now() - timedelta(minutes=6))
    assert post(caller).status_code == 201, "its process died: the next one takes its place"
    assert len(created) == 2


def test_an_answer_is_forgotten_after_a_day(sydney, with_key, connect, created):
    connect(sydney)
    caller = with_key(sydney)
    post(caller)
    with hub.enter(sydney):
        IdempotentRequest.objects.update(started_at=timezone.now() - timedelta(hours=25))
    assert "Idempotent-Replayed" not in post(caller)
    with hub.enter(sydney):
        assert IdempotentRequest.objects.count() == 1
