"""What is sent, asked for and switched through the API."""

from __future__ import annotations

import json
from uuid import uuid4

import jsonschema
import pytest
from django.utils import timezone

from integrations import hub
from integrations.sync.models import RecordLink, ResourceState, SyncRun
from integrations.sync.push.models import OutboundWrite
from members.models import Tag

from .conftest import problem

pytestmark = pytest.mark.django_db

ON = {"sends": True, "creates": False, "confirm": True}


@pytest.fixture
def tagged(sydney, melbourne, connect):
    """A connection with one linked tag, renamed here, and one that is only here; the same in Melbourne."""
    found = {}
    for chapter in (sydney, melbourne):
        connection = found[chapter.slug] = connect(chapter)
        with hub.enter(chapter):
            tag = Tag.objects.create(name="Renamed here")
            Tag.objects.create(name="Only here")
            now = timezone.now()
            RecordLink.objects.create(
                connection=connection, resource="tags", external_id="t1", target="members.tag", record_id=tag.pk,
                base={"name": "Volunteers"}, first_seen=now, last_changed=now,
            )  # fmt: skip
    return found


def write(connection, **more) -> OutboundWrite:
    values = {"resource": "tags", "record_id": uuid4(), "external_id": "t9", "op": "update", "state": "refused"} | more
    return OutboundWrite.objects.create(connection=connection, **values)


def test_what_sending_would_change_is_shown_first(sydney, with_key, tagged):
    caller = with_key(sydney)
    (row,) = caller.get("integrations/shop/sending").json()["results"]
    assert (row["resource"], row["sends"]) == ("tags", False)
    found = caller.get("integrations/shop/sending/tags").json()["difference"]
    assert (found["linked"], found["differ"], found["only_here"]) == (1, 1, 1)
    (sample,) = found["samples"]
    assert sample["fields_that_differ"] == [{"field": "name", "there": "Volunteers", "here": "Renamed here"}]


def test_a_value_that_was_nothing_before_is_as_the_description_says(with_key, sydney):
    described = with_key(sydney).get("schema", accept="application/json")
    said = json.loads(described.content)["components"]["schemas"]["SampleField"]["properties"]
    assert all(jsonschema.Draft202012Validator(said[name]).is_valid(None) for name in ("there", "here"))


def test_nothing_is_switched_on_that_nobody_has_looked_at(sydney, with_key, tagged):
    problem(with_key(sydney).put("integrations/shop/sending/tags", {"sends": True}), 409, "not-confirmed")
    with hub.enter(sydney):
        assert not ResourceState.objects.filter(sends=True).exists()


def test_switched_on_here_it_is_on_here_only_and_a_run_is_queued(sydney, melbourne, with_key, tagged):
    answer = with_key(sydney).put("integrations/shop/sending/tags", ON)
    assert (answer.status_code, answer.json()["sends"], answer.json()["difference"]) == (200, True, None)
    with hub.enter(sydney):
        assert ResourceState.objects.get().sends
        assert SyncRun.objects.get().state == "queued"
    with hub.enter(melbourne):
        assert not ResourceState.objects.exists()
    assert not with_key(sydney).put("integrations/shop/sending/tags", {"sends": False}).json()["sends"]


def test_what_is_only_read_cannot_be_switched_on(sydney, with_key, tagged):
    problem(with_key(sydney).put("integrations/shop/sending/people", ON), 409, "read-only")
    problem(with_key(sydney).put("integrations/shop/sending/nothing", ON), 404)


def test_a_connection_that_is_not_connected_is_not_switched_on(sydney, with_key, connect):
    connect(sydney, status="expired")
    problem(with_key(sydney).put("integrations/shop/sending/tags", ON), 409, "reconnect-needed")


def test_what_was_refused_is_listed_without_what_was_sent_and_tried_again(sydney, with_key, tagged):
    caller = with_key(sydney)
    caller.put("integrations/shop/sending/tags", ON)
    with hub.enter(sydney):
        refused = write(tagged["sydney"], answer="Shop said no", body='{"name": "canary"}', said={"name": "canary"})
        write(tagged["sydney"], state="done", version=1)
    answer = caller.get("integrations/shop/sending/tags/writes?state=refused")
    assert [(one["id"], one["answer"]) for one in answer.json()["results"]] == [(str(refused.pk), "Shop said no")]
    assert "canary" not in answer.content.decode()
    assert caller.post("integrations/shop/sending/tags/retry", {"writes": [str(uuid4())]}).json() == {"retried": 0}
    assert caller.post("integrations/shop/sending/tags/retry", {}).json() == {"retried": 1}
    with hub.enter(sydney):
        assert OutboundWrite.objects.get(pk=refused.pk).state == "ready"


@pytest.mark.parametrize(
    ("scope", "method", "path", "sent"),
    [
        ("sync:run", "GET", "sending", None),
        ("sync:run", "GET", "sending/tags/writes", None),
        ("integrations:read", "PUT", "sending/tags", ON),
        ("integrations:read", "POST", "sending/tags/retry", {}),
    ],
)
def test_each_takes_its_scope(sydney, with_key, tagged, scope, method, path, sent):
    problem(with_key(sydney, scope).ask(method, f"integrations/shop/{path}", sent), 403)


def test_a_person_sees_differing_values_only_of_records_they_may_see(sydney, signed_in, tagged):
    person = signed_in(sydney, "integrations.view_connection", "integrations.use_commerce")
    assert person.get("integrations/shop/sending").status_code == 200
    problem(person.get("integrations/shop/sending/tags"), 403)
