"""Plans, answers to them, histories and undos, as partners meet them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from integrations import hub
from integrations.changes import origins
from integrations.connections.models import Connection
from integrations.sync import undo
from integrations.sync.models import RecordLink, SyncRun
from integrations.sync.plan import Plan
from members.models import Tag

from .conftest import problem

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def make(chapter, connection, resource="tags", **more):
    with hub.enter(chapter):
        return SyncRun.objects.create(connection=connection, resource=resource, **more)


def planned(chapter, connection, resource="tags"):
    plan = Plan("first", linked=0)
    plan.counts.created = 2
    plan.samples["create"] = [{"key": "t1", "record": "", "name": "Volunteers", "changes": []}]
    more = {"state": "planned", "plan_only": True, "plan": plan.stored(), "finished_at": timezone.now()}
    return make(chapter, connection, resource, **more)


def test_what_waits_is_listed_shown_and_approved(sydney, melbourne, with_key, connect):
    mine, theirs = connect(sydney), connect(melbourne)
    run, other = planned(sydney, mine), planned(melbourne, theirs)
    caller = with_key(sydney)
    (found,) = caller.get(f"connections/{mine.pk}/sync/runs/waiting").json()["results"]
    assert (found["run"]["id"], found["plan"]["why"], found["plan"]["counts"]["created"]) == (str(run.pk), "first", 2)
    assert caller.get(f"connections/{mine.pk}/sync/runs/{run.pk}/plan").json() == found
    problem(caller.post(f"connections/{mine.pk}/sync/runs/{other.pk}/approve", {}), 404)
    answer = caller.post(f"connections/{mine.pk}/sync/runs/{run.pk}/approve", {})
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    with hub.enter(sydney):
        run.refresh_from_db()
        assert (run.decision, SyncRun.objects.get(pk=answer.json()["id"]).approved) == ("approved", True)
    problem(caller.post(f"connections/{mine.pk}/sync/runs/{run.pk}/approve", {}), 409)
    with hub.enter(melbourne):
        other.refresh_from_db()
        assert other.state == "planned"


def test_a_plan_is_rejected_and_all_are_answered_at_once(sydney, with_key, connect):
    mine = connect(sydney)
    caller = with_key(sydney)
    run = planned(sydney, mine)
    assert caller.post(f"connections/{mine.pk}/sync/runs/{run.pk}/reject", {}).json()["decision"] == "rejected"
    planned(sydney, mine), planned(sydney, mine, "people")
    assert len(caller.post(f"connections/{mine.pk}/sync/runs/waiting/reject", {}).json()["runs"]) == 2
    planned(sydney, mine), planned(sydney, mine, "people")
    answer = caller.post("integrations/shop/sync/runs/waiting/approve", {})
    assert (answer.status_code, len(answer.json()["runs"])) == (202, 2)
    assert caller.post("integrations/shop/sync/runs/waiting/approve", {}).json()["runs"] == []


def test_any_sync_may_be_asked_for_as_a_plan(sydney, with_key, connect):
    mine = connect(sydney)
    (run,) = with_key(sydney).post(f"connections/{mine.pk}/sync/tags", {"plan": True}).json()["runs"]
    assert (run["plan_only"], run["state"]) == (True, "queued")


def test_a_new_connection_shows_its_plan_first_unless_it_is_told_not_to(sydney, with_key, monkeypatch):
    from integrations.connections import services

    asked = []

    def connect_with_secret(**wish):
        asked.append(wish["plan_first"])
        return Connection(provider="shop", name=wish["name"], auth_kind="api_key")

    monkeypatch.setattr(services, "connect_with_secret", connect_with_secret)
    for more in ({}, {"plan_first": False}):
        with_key(sydney).post("integrations/shop/connect", {"fields": {"key": "sk_12345678"}, **more})
    assert asked == [True, False]


def test_scopes_and_roles_are_asked_for(sydney, with_key, connect):
    mine = connect(sydney)
    run = planned(sydney, mine)
    reads = with_key(sydney, "integrations:read", "sync:run")
    problem(reads.get(f"connections/{mine.pk}/sync/runs/{run.pk}/plan"), 403)
    problem(reads.get(f"connections/{mine.pk}/sync/runs/{run.pk}/changes"), 403)
    looks = with_key(sydney, "records:read")
    assert looks.get(f"connections/{mine.pk}/sync/runs/{run.pk}/plan").status_code == 200
    for act in ("approve", "reject", "undo"):
        problem(looks.post(f"connections/{mine.pk}/sync/runs/{run.pk}/{act}", {}), 403)
    with hub.enter(sydney):
        run.refresh_from_db()
        assert run.state == "planned"


def test_what_a_run_changed_comes_in_pages(sydney, with_key, connect):
    mine = connect(sydney)
    run = make(sydney, mine, state="succeeded")
    with hub.enter(sydney), origins.by(origins.of_connection(mine.pk), run.pk):
        for name in ("a", "b", "c"):
            Tag.objects.create(name=name)
        Tag.objects.filter(name="a").update(size=7)
    caller = with_key(sydney)
    first = caller.get(f"connections/{mine.pk}/sync/runs/{run.pk}/changes?limit=3").json()
    assert [(one["op"], one["name"], one["who"]) for one in first["results"]] == [
        ("insert", name, f"Shop, “{mine.name}”") for name in ("a", "b", "c")
    ]
    second = caller.get(first["next"].partition("/api/v1/")[2]).json()
    assert second["next"] is None
    (change,) = second["results"]
    assert change["changes"] == [{"field": "size", "label": "Size", "before": "0", "after": "7"}]
    problem(caller.get(f"connections/{mine.pk}/sync/runs/{run.pk}/changes?cursor=x"), 400, "invalid")


def test_a_record_has_its_history(sydney, melbourne, with_key, connect):
    mine, theirs = connect(sydney), connect(melbourne)
    now = timezone.now()
    with hub.enter(sydney):
        tag = Tag.objects.create(name="a")
        RecordLink.objects.create(
            connection=mine, resource="tags", external_id="t1", target="members.tag", record_id=tag.pk, content_hash="0",
            first_seen=now, last_changed=now,
        )  # fmt: skip
        ann = User.objects.create(username="ann", first_name="Ann", last_name="Lee")
        with origins.by(origins.of_user(ann)):
            Tag.objects.update(name="b")
    found = with_key(sydney).get(f"connections/{mine.pk}/tags/{tag.pk}/history").json()["results"]
    assert [(one["op"], one["who"]) for one in found] == [("update", "Ann Lee"), ("insert", "Directly in the database")]
    problem(with_key(melbourne).get(f"connections/{theirs.pk}/tags/{tag.pk}/history"), 404)
    problem(with_key(sydney).get(f"connections/{mine.pk}/people/{tag.pk}/history"), 404)


def test_a_run_is_undone_after_a_look_at_what_that_means(sydney, with_key, connect):
    mine = connect(sydney)
    run = make(sydney, mine, state="succeeded")
    caller = with_key(sydney)
    address = f"connections/{mine.pk}/sync/runs/{run.pk}/undo"
    assert "changed nothing here" in caller.get(address).json()["refusal"]
    problem(caller.post(address, {}), 409, "cannot-undo")
    with hub.enter(sydney):
        with origins.by(origins.of_connection(mine.pk), run.pk):
            kept = Tag.objects.create(name="kept")
            Tag.objects.create(name="plain")
        with origins.by(""):
            Tag.objects.filter(pk=kept.pk).update(size=1)
    told = caller.get(address).json()
    assert (told["refusal"], told["deleted"], told["moved"]) == ("", 2, 1)
    assert told["left"][0]["why"] == "It was changed since, directly in the database."
    begun = caller.post(address, {}).json()
    assert (begun["kind"], begun["undoes"], begun["state"], begun["trigger"]) == ("undo", str(run.pk), "queued", "api")
    with hub.enter(sydney):
        undo.carry_out(SyncRun.objects.get(pk=begun["id"]))
        assert list(Tag.objects.values_list("name", flat=True)) == ["kept"]


def test_the_number_of_queries_of_a_page_of_changes_is_bounded(
    sydney, with_key, connect, django_assert_max_num_queries
):
    mine = connect(sydney)
    run = make(sydney, mine, state="succeeded")
    with hub.enter(sydney), origins.by(origins.of_connection(mine.pk), run.pk):
        Tag.objects.bulk_create(Tag(name=str(n)) for n in range(200))
    caller = with_key(sydney)
    with django_assert_max_num_queries(30):
        assert len(caller.get(f"connections/{mine.pk}/sync/runs/{run.pk}/changes?limit=200").json()["results"]) == 200
