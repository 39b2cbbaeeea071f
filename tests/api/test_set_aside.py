"""Set-aside records, schedules and alarms through the API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import hub
from integrations.hub.models import Due, Job
from integrations.sync.models import QuarantinedRecord, QuarantineRetry, ResourceState, SyncRun

from .conftest import problem

pytestmark = pytest.mark.django_db
TOTAL = {"field": "total", "message": "is missing"}


def set_aside(connection, number, **more):
    row = {"resource": "people", "reasons": [TOTAL], "body": '{"secret": "of the record"}'} | more
    return [QuarantinedRecord.objects.create(connection=connection, external_id=f"p{n}", **row) for n in range(number)]


@pytest.fixture
def shop(sydney, melbourne, connect):
    """Sydney's shop with three set-aside records; Melbourne's has one too."""
    other = connect(melbourne)
    with hub.enter(melbourne):
        set_aside(other, 1, body="of melbourne")
    mine = connect(sydney)
    with hub.enter(sydney):
        set_aside(mine, 3)
    return mine


def test_the_list_says_why_and_not_what(sydney, shop, with_key):
    answer = with_key(sydney, "integrations:read").get("integrations/shop/sync/set-aside")
    found = answer.json()["results"]
    assert {one["external_id"] for one in found} == {"p0", "p1", "p2"}
    assert found[0]["reasons"] == [TOTAL]
    assert b"of the record" not in answer.content
    assert b"of melbourne" not in answer.content


def test_it_is_narrowed_by_reason_resource_and_time(sydney, shop, with_key):
    with hub.enter(sydney):
        (other,) = set_aside(shop, 1, resource="tags", reasons=[{"field": "", "message": "the record has no key"}])
        QuarantinedRecord.objects.filter(pk=other.pk).update(created_at=timezone.now() - timedelta(days=9))
    caller = with_key(sydney)

    def keys(query):
        return len(caller.get(f"integrations/shop/sync/set-aside?{query}").json()["results"])

    assert keys("") == 4
    assert keys("resource=people") == 3
    assert keys("field=total&message=is missing") == 3
    assert keys("message=the record has no key") == 1
    assert keys(f"since={(timezone.now() - timedelta(days=1)).strftime('%Y-%m-%dT%H:%M:%SZ')}") == 3
    problem(caller.get("integrations/shop/sync/set-aside?since=yesterday"), 400, "invalid")


def test_the_reasons_are_counted(sydney, shop, with_key):
    answer = with_key(sydney).get("integrations/shop/sync/set-aside/reasons").json()
    assert answer == {"results": [{"resource": "people", "field": "total", "message": "is missing", "count": 3}]}


def test_one_record_is_shown_to_who_may_read_records(sydney, shop, with_key, signed_in):
    with hub.enter(sydney):
        row = QuarantinedRecord.objects.first()
    path = f"connections/{shop.pk}/sync/set-aside/{row.pk}"
    assert with_key(sydney, "records:read").get(path).json()["body"] == row.body
    problem(with_key(sydney, "integrations:read").get(path), 403)
    looks = ("integrations.view_connection", "integrations.use_commerce")
    problem(signed_in(sydney, *looks).get(path), 403)
    assert signed_in(sydney, *looks, "members.view_member").get(path).status_code == 200


def test_a_retry_is_queued_and_followed(sydney, shop, with_key):
    caller = with_key(sydney, "sync:run", "integrations:read")
    asked = caller.post("integrations/shop/sync/set-aside/retry", {"resource": "people"})
    assert asked.status_code == 202
    assert (asked.json()["total"], asked.json()["state"]) == (3, "queued")
    assert Job.objects.filter(kind="sync.retry", chapter_id=sydney.pk).count() == 1
    followed = caller.get(f"integrations/shop/sync/retries/{asked.json()['id']}")
    assert followed.json() == asked.json()


def test_a_retry_of_one_resource_of_others_is_empty(sydney, shop, with_key):
    done = with_key(sydney).post("integrations/shop/sync/set-aside/retry", {"resource": "tags"}).json()
    assert (done["state"], done["total"], done["message"]) == ("done", 0, "There was nothing to try again.")
    assert not Job.objects.filter(kind="sync.retry").exists()


def test_a_connection_that_cannot_be_used_tries_nothing(sydney, shop, with_key):
    with hub.enter(sydney):
        type(shop).objects.update(status="expired")
    problem(with_key(sydney).post("integrations/shop/sync/set-aside/retry", {}), 409, "reconnect-needed")
    with hub.enter(sydney):
        assert not QuarantineRetry.objects.exists()


def test_dismissing_needs_a_reason_and_is_of_this_connection_only(sydney, melbourne, shop, with_key):
    caller = with_key(sydney)
    problem(caller.post("integrations/shop/sync/set-aside/dismiss", {}), 400, "invalid")
    with hub.enter(sydney):
        first = QuarantinedRecord.objects.first()
    sent = {"ids": [str(first.pk)], "because": "Test data"}
    assert caller.post("integrations/shop/sync/set-aside/dismiss", sent).json() == {"dismissed": 1}
    assert caller.post("integrations/shop/sync/set-aside/dismiss", {"because": "All"}).json() == {"dismissed": 2}
    with hub.enter(melbourne):
        assert QuarantinedRecord.objects.filter(resolved_at=None).count() == 1


def test_a_schedule_is_chosen_within_bounds_and_said_in_words(sydney, shop, with_key):
    caller = with_key(sydney)
    chosen = caller.put("integrations/shop/sync/schedules/people", {"every_seconds": 7200, "sweep_days": 0}).json()
    assert (chosen["every_seconds"], chosen["chosen"], chosen["sweep_days"]) == (7200, True, 0)
    assert chosen["words"].startswith("every 2 hours, next at ")
    assert Due.objects.get(connection_id=shop.pk, resource="people").every == timedelta(hours=2)
    refused = problem(caller.put("integrations/shop/sync/schedules/people", {"every_seconds": 90}), 400, "invalid")
    assert refused["errors"] == [{"pointer": "/every_seconds", "detail": "Between 3 minutes and 7 days."}]
    problem(caller.put("integrations/shop/sync/schedules/people", {"sweep_days": 91}), 400, "invalid")
    problem(caller.put("integrations/shop/sync/schedules/shoes", {}), 404)
    off = caller.put("integrations/shop/sync/schedules/people", {"enabled": False}).json()
    assert (off["words"], off["next_at"]) == ("off", None)
    listed = caller.get("integrations/shop/sync/schedules").json()["results"]
    assert [one["resource"] for one in listed] == ["tags", "people"]


def test_beginning_anew_forgets_the_cursor_or_reads_now(sydney, shop, with_key):
    with hub.enter(sydney):
        ResourceState.objects.create(connection=shop, resource="people", cursor="2026-01-01T00:00:00+00:00")
    caller = with_key(sydney, "sync:run")
    done = caller.post("integrations/shop/sync/resets/people", {"mode": "cursor"})
    assert (done.status_code, done.json()) == (202, {"resource": "people", "run": None})
    with hub.enter(sydney):
        assert ResourceState.objects.get(resource="people").cursor == ""
    run = caller.post("integrations/shop/sync/resets/people", {"mode": "compare"}).json()["run"]
    with hub.enter(sydney):
        found = SyncRun.objects.get(pk=run)
    assert (found.full, found.trigger, found.state) == (True, "api", "queued")
    problem(caller.post("integrations/shop/sync/resets/people", {"mode": "everything"}), 400, "invalid")


def test_an_alarm_is_shown_in_the_status_and_dismissed(sydney, shop, with_key):
    alarm = {"path": "mail", "problem": "missing", "was": "84%", "now": 120, "since": "2026-02-01T02:45:00+00:00"}
    with hub.enter(sydney):
        ResourceState.objects.create(connection=shop, resource="people", drift=[alarm], arrivals={})
    caller = with_key(sydney)

    def shown():
        resources = caller.get("integrations/shop/sync/status").json()["resources"]
        return next(one["drift"] for one in resources if one["resource"] == "people")

    assert [one["path"] for one in shown()] == ["mail"]
    assert caller.post("integrations/shop/sync/drift/people", {"path": "mail"}).json()["drift"] == []
    assert shown() == []
    problem(caller.post("integrations/shop/sync/drift/people", {"path": "mail"}), 404)


def test_a_run_that_waits_says_so(sydney, shop, with_key):
    later = timezone.now() + timedelta(hours=2)
    with hub.enter(sydney):
        run = SyncRun.objects.create(
            connection=shop, resource="people", state="running", fetched=12_400, pages=124, resumes_at=later
        )
    shown = with_key(sydney).get(f"integrations/shop/sync/runs/{run.pk}").json()
    assert (shown["state"], shown["phase"], shown["pages"]) == ("running", "waiting", 124)
    assert shown["summary"].startswith("Partial: 12,400 read, goes on at ")
