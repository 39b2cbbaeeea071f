"""Conflicts at the API: seen with what a decision needs, decided by a key or a person, taken back."""

from __future__ import annotations

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations import hub
from integrations.conflicts.models import Conflict
from integrations.sync.models import RecordLink
from members.models import Tag

from .conftest import problem

pytestmark = [pytest.mark.django_db, pytest.mark.services]
SEE, SYNC, SHOPS = "integrations.view_connection", "integrations.sync_connection", "integrations.use_commerce"


@pytest.fixture
def shop(sydney, connect):
    return connect(sydney)


def conflict_in(chapter, connection, **extra) -> Conflict:
    """About the size of a tag: 5 here, 9 there, once 1."""
    now = timezone.now()
    with hub.enter(chapter):
        tag = Tag.objects.create(name="Volunteers", size=5)
        link = RecordLink.objects.create(
            connection=connection, resource="tags", external_id=str(tag.pk), target="members.tag", record_id=tag.pk,
            content_hash="0" * 32, base={"name": "Volunteers", "size": 1}, first_seen=now, last_changed=now,
        )  # fmt: skip
        values = {"field": "size", "base": 1, "ours": 5, "theirs": 9, "theirs_at": now} | extra
        return Conflict.objects.create(
            connection=connection, resource="tags", link=link, target="members.tag", record_id=tag.pk,
            created_at=now, updated_at=now, **values,
        )  # fmt: skip


def size_of(chapter, conflict) -> int:
    with hub.enter(chapter):
        return Tag.objects.get(pk=conflict.record_id).size


def test_a_conflict_is_shown_with_both_sides(sydney, shop, with_key):
    made = conflict_in(sydney, shop)
    caller = with_key(sydney, "records:read")
    (listed,) = caller.get("integrations/shop/conflicts").json()["results"]
    shown = caller.get(f"connections/{shop.pk}/conflicts/{made.pk}").json()
    assert listed == shown
    assert (shown["base"], shown["ours"], shown["theirs"], shown["part"], shown["state"]) == (1, 5, 9, [], "open")


def test_another_connection_is_named_only_to_who_may_use_it(sydney, shop, connect, with_key, signed_in):
    books = connect(sydney, "ledger", name="Secret books")
    made = conflict_in(sydney, shop, ours_by=f"connection:{books.pk}")
    address = f"connections/{shop.pk}/conflicts/{made.pk}"
    assert signed_in(sydney, SEE, SHOPS, "members.view_tag").get(address).json()["ours_by"] == "Another connection"
    assert with_key(sydney, "records:read").get(address).json()["ours_by"] == "Ledger, “Secret books”"


def test_lists_are_narrowed_and_have_pages(sydney, shop, with_key):
    for field in ("size", "size", "name"):
        conflict_in(sydney, shop, field=field)
    conflict_in(sydney, shop, state="resolved", resolution="ours")
    caller = with_key(sydney, "records:read")
    found = {
        "": 3, "?field=size": 2, "?field=other": 0, "?resource=people": 0, "?state=resolved": 1, "?limit=2": 2,
    }  # fmt: skip
    for query, count in found.items():
        assert len(caller.get(f"integrations/shop/conflicts{query}").json()["results"]) == count, query
    problem(caller.get("integrations/shop/conflicts?state=x"), 400, "invalid")


@pytest.mark.parametrize(("sent", "size"), [({"resolution": "ours"}, 5), ({"resolution": "theirs"}, 9),
                                            ({"resolution": "value", "value": 7}, 7),
                                            ({"resolution": "value", "value": None}, 0)])  # fmt: skip
def test_a_key_decides_and_takes_it_back(sydney, shop, with_key, sent, size):
    made = conflict_in(sydney, shop)
    caller = with_key(sydney, "records:read", "conflicts:resolve")
    address = f"integrations/shop/conflicts/{made.pk}"
    stamp = caller.get(address).json()["stamp"]
    decided = caller.post(f"{address}/resolve", {**sent, "stamp": stamp}).json()
    assert (decided["state"], decided["resolved_by"]) == ("resolved", "API key “Website”")
    assert size_of(sydney, made) == size
    problem(caller.post(f"{address}/resolve", {**sent, "stamp": stamp}), 409, "already-decided")
    assert caller.post(f"{address}/reopen").json()["state"] == "open"
    assert size_of(sydney, made) == 5
    assert "not decided" in problem(caller.post(f"{address}/reopen"), 409)["detail"]


def test_what_changed_since_is_refused(sydney, shop, with_key):
    made = conflict_in(sydney, shop)
    caller = with_key(sydney)
    address = f"integrations/shop/conflicts/{made.pk}"
    stamp = caller.get(address).json()["stamp"]
    with hub.enter(sydney):
        Tag.objects.update(size=6)
    problem(caller.post(f"{address}/resolve", {"resolution": "theirs", "stamp": stamp}), 409, "changed-since")
    assert size_of(sydney, made) == 6


@pytest.mark.parametrize(
    ("sent", "pointer"),
    [
        ({"resolution": "value"}, "/value"),
        ({"resolution": "ours", "value": 7}, "/value"),
        ({"resolution": "both"}, "/resolution"),
        ({"resolution": "ours", "more": 1}, "/more"),
    ],
)
def test_a_decision_that_is_none_is_refused_with_its_place(sydney, shop, with_key, sent, pointer):
    made = conflict_in(sydney, shop)
    found = problem(
        with_key(sydney).post(f"integrations/shop/conflicts/{made.pk}/resolve", {"stamp": "x", **sent}), 400, "invalid"
    )
    assert pointer in [error["pointer"] for error in found["errors"]]


def test_a_value_that_cannot_be_stored_is_refused(sydney, shop, with_key):
    made = conflict_in(sydney, shop)
    caller = with_key(sydney)
    address = f"integrations/shop/conflicts/{made.pk}"
    sent = {"resolution": "value", "value": -1, "stamp": caller.get(address).json()["stamp"]}
    assert "size" in problem(caller.post(f"{address}/resolve", sent), 409)["detail"]


def test_many_are_decided_and_those_that_are_not_are_named(sydney, melbourne, shop, with_key, connect):
    made = [conflict_in(sydney, shop) for _ in range(3)]
    elsewhere = conflict_in(sydney, connect(sydney, "ledger"))
    caller = with_key(sydney)
    stamps = {one["id"]: one["stamp"] for one in caller.get("integrations/shop/conflicts").json()["results"]}
    with hub.enter(sydney):
        Tag.objects.filter(pk=made[0].record_id).update(size=6)
    wanted = [{"id": pk, "stamp": stamp} for pk, stamp in stamps.items()] + [{"id": str(elsewhere.pk), "stamp": "x"}]
    sent = {"side": "theirs", "conflicts": wanted}
    answer = caller.post("integrations/shop/conflicts/resolve", sent).json()
    assert set(answer["resolved"]) == {str(made[1].pk), str(made[2].pk)}
    assert {one["id"] for one in answer["refused"]} == {str(made[0].pk), str(elsewhere.pk)}
    with hub.enter(melbourne):
        assert not Conflict.objects.exists()


def test_a_person_decides_about_records_they_may_see(sydney, shop, signed_in):
    made = conflict_in(sydney, shop)
    address = f"integrations/shop/conflicts/{made.pk}"
    blind = signed_in(sydney, SEE, SYNC, SHOPS)
    assert blind.get("integrations/shop/conflicts").json()["results"] == []
    problem(blind.get(address), 404)
    problem(blind.post(f"{address}/resolve", {"resolution": "ours", "stamp": "x"}), 404)
    seeing = signed_in(sydney, SEE, SYNC, SHOPS, "members.view_tag")
    stamp = seeing.get(address).json()["stamp"]
    assert seeing.post(f"{address}/resolve", {"resolution": "ours", "stamp": stamp}).json()["state"] == "resolved"
    looking = signed_in(sydney, SEE, SHOPS, "members.view_tag")
    problem(looking.post(f"{address}/reopen"), 403)


def test_lists_cost_the_same_queries_however_long_they_are(sydney, shop, with_key):
    caller = with_key(sydney, "records:read")
    caller.get("integrations/shop/conflicts")
    counts = []
    for _ in range(2):
        for _ in range(1 + 10 * len(counts)):
            conflict_in(sydney, shop)
        with CaptureQueriesContext(database) as captured:
            assert caller.get("integrations/shop/conflicts").status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1], "\n".join(query["sql"][:110] for query in captured)
