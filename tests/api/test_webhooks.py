"""Webhooks as partner systems and automation platforms make them."""

from __future__ import annotations

from datetime import timedelta

import jsonschema
import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from integrations import hub
from integrations.outbound import catalogue, events, services
from integrations.outbound.models import Attempt, Delivery, Endpoint, EndpointSecret, Event

from .conftest import problem

pytestmark = [pytest.mark.django_db, pytest.mark.services]

URL = "http://127.0.0.1:21002/hook"
NEWS = {"connection": {"provider": "xero"}}


@pytest.fixture(autouse=True)
def _own_network(settings):
    settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1:21002"]


@pytest.fixture
def caller(sydney, with_key):
    return with_key(sydney, "webhooks:read", "webhooks:write")


def make(caller, **more) -> dict:
    made = caller.post("webhooks", {"url": URL, "events": ["connection.*"], **more})
    assert made.status_code == 201, made.content
    return made.json()


def happen(chapter, number: int = 1) -> None:
    with hub.enter(chapter):
        for _ in range(number):
            events.emit("connection.connected", NEWS)


def test_it_is_made_with_a_secret_that_is_shown_once(sydney, melbourne, caller, with_key):
    made = make(caller, description="Newsletter", filter={"status": "connected"})
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert (made["events"], made["filter"], made["version"]) == (["connection.*"], {"status": "connected"}, 1)
    assert caller.get("webhooks").json()["results"] == [made]
    assert caller.get(f"webhooks/{made['id']}").json() == made
    for path in ("webhooks", f"webhooks/{made['id']}", f"webhooks/{made['id']}/deliveries"):
        assert secret not in caller.get(path).content.decode()
    away = with_key(melbourne)
    assert away.get("webhooks").json()["results"] == []
    problem(away.get(f"webhooks/{made['id']}"), 404)
    problem(away.delete(f"webhooks/{made['id']}"), 404)
    problem(away.patch(f"webhooks/{made['id']}", {"enabled": False}), 404)
    assert caller.get(f"webhooks/{made['id']}").json()["enabled"] is True


@pytest.mark.parametrize(
    ("sent", "pointer", "said"),
    [
        ({"url": "http://example.org/"}, "/url", "not https"),
        ({"url": "https://169.254.169.254/"}, "/url", "inside a private network"),
        ({"url": "https://localhost/"}, "/url", "inside a private network"),
        ({"url": "https://127.0.0.1:21002/"}, "/url", ""),
        ({"url": "https://10.0.0.1:8443/"}, "/url", "inside a private network"),
        ({"url": "https://user:pass@93.184.216.34/"}, "/url", "carries a user name"),
        ({"url": "https://93.184.216.34:22/"}, "/url", "on port 22"),
        ({"url": "ftp://93.184.216.34/"}, "/url", "not https"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "/url", "inside a private network"),
        ({"url": "nonsense"}, "/url", "not https"),
        ({"events": ["member.exploded"]}, "/events", "There is no event “member.exploded”"),
        ({"events": ["member.upd*"]}, "/events", "is no type of event"),
        ({"filter": {"Name; DROP": 1}}, "/filter", "names no field"),
        ({"filter": {"record.total": [1]}}, "/filter", "a filter compares with"),
    ],
)
def test_what_cannot_be_sent_to_is_refused_with_a_sentence(caller, sent, pointer, said):
    if sent == {"url": "https://127.0.0.1:21002/"}:
        assert make(caller, **sent), "the same host by https is listed too"
        return
    (error,) = problem(caller.post("webhooks", {"url": URL, "events": ["*"], **sent}), 400, "invalid")["errors"]
    assert error["pointer"] == pointer
    assert said in error["detail"]
    assert caller.get("webhooks").json()["results"] == []


def test_it_is_changed_switched_off_and_on(sydney, caller):
    one = f"webhooks/{make(caller)['id']}"
    assert caller.patch(one, {"description": "Later", "events": ["*"]}).json()["events"] == ["*"]
    off = caller.patch(one, {"enabled": False}).json()
    assert (off["enabled"], off["disabled_because"]) == (False, "Somebody switched it off.")
    happen(sydney)
    assert caller.get(f"{one}/deliveries").json()["results"] == []
    on = caller.patch(one, {"enabled": True}).json()
    assert (on["enabled"], on["disabled_because"], on["description"]) == (True, "", "Later")
    problem(caller.patch(one, {"url": "https://localhost/"}), 400, "invalid")
    assert caller.get(one).json()["url"] == URL


def test_it_is_deleted_with_everything_that_was_sent_and_no_others(sydney, melbourne, caller, with_key):
    made, other, away = make(caller), make(caller), make(with_key(melbourne))
    happen(sydney)
    happen(melbourne)
    with hub.enter(sydney):
        for row in Delivery.objects.all():
            Attempt.objects.create(delivery=row, endpoint_id=row.endpoint_id, at=timezone.now())
    gone = caller.delete(f"webhooks/{made['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    problem(caller.delete(f"webhooks/{made['id']}"), 404)
    with hub.enter(sydney):
        assert [str(one.pk) for one in Endpoint.objects.all()] == [other["id"]]
        assert {str(row.endpoint_id) for row in Delivery.objects.all()} == {other["id"]}
        assert {str(row.endpoint_id) for row in Attempt.objects.all()} == {other["id"]}
        assert EndpointSecret.objects.count() == 1
    with hub.enter(melbourne):
        assert [str(row.endpoint_id) for row in Delivery.objects.all()] == [away["id"]]


def test_a_rotated_secret_is_another_and_the_older_one_ends_in_a_day(sydney, caller):
    made = make(caller)
    found = caller.post(f"webhooks/{made['id']}/rotate").json()
    assert found["secret"] != made["secret"]
    with hub.enter(sydney):
        older, newer = EndpointSecret.objects.order_by("pk")
        assert newer.expires_at is None
        assert timedelta(hours=23) < older.expires_at - timezone.now() <= timedelta(hours=24)


def test_a_test_event_goes_to_this_one_alone(sydney, caller):
    made, other = make(caller), make(caller, events=["*"])
    sent = caller.post(f"webhooks/{made['id']}/test")
    assert (sent.status_code, sent.json()["type"]) == (202, "webhook.test")
    assert len(caller.get(f"webhooks/{made['id']}/deliveries").json()["results"]) == 1
    assert caller.get(f"webhooks/{other['id']}/deliveries").json()["results"] == []
    missing = caller.post(f"webhooks/{other['id']}/replay", {"which": "missing", "dry_run": True}).json()
    assert missing == {"number": 0, "dry_run": True}
    caller.patch(f"webhooks/{made['id']}", {"enabled": False})
    problem(caller.post(f"webhooks/{made['id']}/test"), 409, "not-now")


def test_deliveries_show_what_became_of_them_and_not_what_was_sent(sydney, melbourne, caller, with_key):
    made = make(caller)
    happen(sydney, 3)
    with hub.enter(sydney):
        first = Delivery.objects.order_by("pk").first()
        Delivery.objects.filter(pk=first.pk).update(state="failed", status=500, error="The endpoint answered 500.")
        for number in range(2):
            Attempt.objects.create(
                delivery=first, endpoint_id=made["id"], at=timezone.now(), status=500, answer=f"no {number}"
            )
        event = first.event
    (failed,) = caller.get(f"webhooks/{made['id']}/deliveries?state=failed").json()["results"]
    assert (failed["event"], failed["type"], failed["status"]) == (event.public_id, "connection.connected", 500)
    assert len(caller.get(f"webhooks/{made['id']}/deliveries").json()["results"]) == 3
    one = f"webhooks/{made['id']}/deliveries/{first.pk}"
    found = caller.get(one).json()
    assert [attempt["answer"] for attempt in found["attempts"]] == ["no 1", "no 0"]
    assert "xero" not in caller.get(one).content.decode()
    again = caller.post(f"{one}/replay")
    assert (again.status_code, again.json()["state"], again.json()["event"]) == (202, "waiting", event.public_id)
    problem(with_key(melbourne).get(one), 404)
    problem(with_key(melbourne).post(f"{one}/replay"), 404)


@pytest.mark.parametrize(("which", "number"), [("failed", 2), ("since", 3), ("missing", 4)])
def test_many_are_counted_before_they_are_sent_again(sydney, melbourne, caller, with_key, which, number):
    """Four were there before the webhook was; of the five after it two have failed, two are old, and one waits."""
    early, made = make(caller), None
    happen(sydney, 4)
    made = make(caller)
    happen(sydney, 5)
    away = make(with_key(melbourne))
    happen(melbourne, 2)
    with hub.enter(sydney):
        rows = list(Delivery.objects.filter(endpoint=made["id"]).order_by("pk").values_list("pk", flat=True))
        Delivery.objects.filter(pk__in=rows[:2]).update(state="failed", tries=10, next_at=None)
        Delivery.objects.filter(pk__in=rows[2:4]).update(state="delivered", next_at=None)
        Event.objects.filter(deliveries__in=rows[2:3]).update(at=timezone.now() - timedelta(days=2))
    sent = {"which": which} | ({"since": (timezone.now() - timedelta(days=1)).isoformat()} if which == "since" else {})
    path = f"webhooks/{made['id']}/replay"
    assert caller.post(path, {**sent, "dry_run": True}).json() == {"number": number, "dry_run": True}
    assert caller.post(path, sent).json() == {"number": number, "dry_run": False}
    with hub.enter(sydney):
        waiting = Delivery.objects.filter(endpoint=made["id"], state="waiting")
        assert waiting.count() == number + 1
        assert set(waiting.values_list("tries", flat=True)) == {0}
        assert Delivery.objects.filter(endpoint=early["id"]).count() == 9
    with hub.enter(melbourne):
        assert Delivery.objects.filter(endpoint=away["id"]).count() == 2
    assert caller.post(path, {**sent, "dry_run": True}).json()["number"] == 0


def test_a_replay_since_no_moment_is_refused(caller):
    made = make(caller)
    (error,) = problem(caller.post(f"webhooks/{made['id']}/replay", {"which": "since"}), 400, "invalid")["errors"]
    assert error == {"pointer": "/since", "detail": "Say since when."}


def test_what_it_missed_while_it_was_off_can_be_sent(sydney, caller):
    made = make(caller, filter={"connection.provider": "xero"})
    caller.patch(f"webhooks/{made['id']}", {"enabled": False})
    happen(sydney, 2)
    with hub.enter(sydney):
        events.emit("connection.connected", {"connection": {"provider": "stripe"}})
    caller.patch(f"webhooks/{made['id']}", {"enabled": True})
    path = f"webhooks/{made['id']}/replay"
    assert caller.post(path, {"which": "missing"}).json()["number"] == 2


def test_the_types_of_event_are_listed_with_schemas_that_are_schemas(caller):
    found = caller.get("event-types").json()["results"]
    assert [one["name"] for one in found] == list(catalogue.all_types())
    assert {"member.updated", "invoice.paid", "sync.failed", "connection.broken"} <= {one["name"] for one in found}
    for one in found:
        jsonschema.Draft202012Validator.check_schema(one["schema"])


def test_a_person_needs_the_permission_to_see_and_another_to_change(sydney, signed_in, caller):
    make(caller)
    problem(signed_in(sydney, "integrations.view_connection").get("webhooks"), 403)
    reader = signed_in(sydney, "integrations.view_endpoint")
    assert reader.get("webhooks").status_code == 200
    problem(reader.post("webhooks", {"url": URL, "events": ["*"]}), 403)
    writer = signed_in(sydney, "integrations.change_endpoint")
    assert make(writer)["id"]
    with hub.enter(sydney):
        assert Endpoint.objects.order_by("pk").last().created_by == User.objects.order_by("pk").last()


def test_there_is_an_end_to_how_many_there_may_be(caller, monkeypatch):
    monkeypatch.setattr(services, "MOST_ENDPOINTS", 1)
    make(caller)
    said = problem(caller.post("webhooks", {"url": URL, "events": ["*"]}), 409, "not-now")["detail"]
    assert said == "A chapter has at most 1 webhooks. Delete one that is not used."
