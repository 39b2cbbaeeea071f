"""A record that was merged into another, asked for by the id it had."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.utils import timezone

from integrations import hub, targets
from integrations.matching.merging import merge
from integrations.matching.models import Merge
from integrations.matching.undo import undo
from integrations.sync.models import RecordLink
from members.models import Member

from .conftest import problem

pytestmark = [pytest.mark.django_db, pytest.mark.services]
HERE = "/api/v1/integrations/shop/people"


def person(connection, name) -> Member:
    made = Member.objects.create(display_name=name, email=f"{name.lower()}@example.com")
    now = timezone.now()
    RecordLink.objects.create(
        connection=connection, resource="people", external_id=name.lower(), target="members.member", record_id=made.pk,
        content_hash="0" * 32, base={"display_name": name}, first_seen=now, last_changed=now,
    )  # fmt: skip
    return made


def join(chapter, kept, merged) -> Merge:
    with hub.enter(chapter):
        return merge(targets.get("members.member"), kept.pk, merged.pk, {})


@pytest.fixture
def shop(sydney, connect):
    return connect(sydney, "shop")


@pytest.fixture
def people(sydney, shop):
    with hub.enter(sydney):
        return [person(shop, name) for name in ("Ada", "Bob", "Cleo")]


def test_a_merged_record_is_found_at_the_one_it_became(sydney, with_key, shop, people):
    ada, bob, _ = people
    join(sydney, ada, bob)
    caller = with_key(sydney, "records:read")
    answer = caller.get(f"integrations/shop/people/{bob.pk}")
    assert (answer.status_code, answer["Location"]) == (301, f"{HERE}/{ada.pk}")
    assert answer["Content-Type"] == "application/json"
    assert answer.json() == {
        "id": str(bob.pk),
        "merged_into": str(ada.pk),
        "url": f"{HERE}/{ada.pk}",
        "detail": f"This record was merged into {ada.pk}.",
    }
    assert "no-store" in answer["Cache-Control"], "a merge may be undone"
    there = caller.get(answer["Location"].removeprefix("/api/v1/"))
    assert (there.status_code, there.json()["id"]) == (200, str(ada.pk))
    head = caller.ask("HEAD", f"integrations/shop/people/{bob.pk}")
    assert (head.status_code, head["Location"], head.content) == (301, f"{HERE}/{ada.pk}", b"")


def test_every_address_of_it_leads_to_the_same_address_of_the_other(sydney, with_key, shop, people):
    ada, bob, _ = people
    join(sydney, ada, bob)
    caller = with_key(sydney, "records:read")
    by_id = f"connections/{shop.pk}/people"
    assert caller.get(f"{by_id}/{bob.pk}")["Location"] == f"/api/v1/{by_id}/{ada.pk}"
    history = caller.get(f"integrations/shop/people/{bob.pk}/history")
    assert (history.status_code, history["Location"]) == (301, f"{HERE}/{ada.pk}/history")
    assert caller.get(history["Location"].removeprefix("/api/v1/")).status_code == 200


def test_merged_again_and_again_it_is_found_at_the_end(sydney, with_key, people):
    ada, bob, cleo = people
    join(sydney, bob, cleo)
    join(sydney, ada, bob)
    caller = with_key(sydney, "records:read")
    for gone in (bob, cleo):
        assert caller.get(f"integrations/shop/people/{gone.pk}")["Location"] == f"{HERE}/{ada.pk}"


def test_undone_it_is_itself_again(sydney, with_key, people):
    ada, bob, _ = people
    made = join(sydney, ada, bob)
    with hub.enter(sydney):
        undo(made)
    answer = with_key(sydney, "records:read").get(f"integrations/shop/people/{bob.pk}")
    assert (answer.status_code, answer.json()["id"]) == (200, str(bob.pk))


def test_what_leads_nowhere_is_not_found(sydney, melbourne, with_key, connect, people):
    """Neither a record that nobody merged, nor one whose survivor is gone, is no record of this resource, or another chapter's."""
    ada, bob, cleo = people
    join(sydney, ada, bob)
    caller = with_key(sydney, "records:read")
    problem(caller.get(f"integrations/shop/people/{uuid4()}"), 404)
    problem(caller.get(f"integrations/shop/tags/{bob.pk}"), 404)
    other = connect(sydney, "shop", name="Knows neither")
    problem(caller.get(f"connections/{other.pk}/people/{bob.pk}"), 404)
    with hub.enter(sydney):
        other.delete()
    connect(melbourne, "shop")
    problem(with_key(melbourne, "records:read").get(f"integrations/shop/people/{bob.pk}"), 404)
    with hub.enter(sydney):
        RecordLink.objects.filter(record_id=cleo.pk).delete()
    problem(caller.get(f"integrations/shop/people/{cleo.pk}"), 404)
    with hub.enter(sydney):
        Member.objects.filter(pk=ada.pk).delete()
    problem(caller.get(f"integrations/shop/people/{bob.pk}"), 404)


def test_who_may_not_see_such_records_does_not_learn_of_a_merge(sydney, with_key, signed_in, people):
    ada, bob, _ = people
    join(sydney, ada, bob)
    problem(with_key(sydney, "sync:run").get(f"integrations/shop/people/{bob.pk}"), 403)
    usual = ("integrations.view_connection", "integrations.sync_connection", "integrations.use_commerce")
    problem(signed_in(sydney, *usual).get(f"integrations/shop/people/{bob.pk}"), 403)


@pytest.mark.parametrize("method", ["PATCH", "PUT", "POST", "DELETE"])
def test_a_record_is_not_written_by_its_id_merged_or_not(sydney, with_key, people, method):
    ada, bob, _ = people
    join(sydney, ada, bob)
    for one in (ada, bob):
        assert problem(with_key(sydney).ask(method, f"integrations/shop/people/{one.pk}", {}), 405)
