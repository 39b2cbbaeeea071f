"""The real declarations through the real door, with the lab for the other side: Xero's contacts and Stripe's customers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.utils import timezone

from finance.models import Party
from integrations import hub, registry
from integrations.connections import credentials
from integrations.connections.models import Connection
from integrations.lab.app import make_lab
from integrations.lab.server import serve
from integrations.sync.models import RecordLink
from integrations.sync.push import switch
from integrations.sync.push.models import OutboundWrite
from tests.providers.lab_client import LabClient

from .conftest import sync

pytestmark = pytest.mark.services
RESOURCES = {"xero": "contacts", "stripe": "customers"}


class Other:
    """The vendor's side of one account."""

    def __init__(self, url: str, slug: str) -> None:
        self.url, self.slug, self.resource = url, slug, registry.get(slug).resource(RESOURCES[slug])
        self.client = LabClient(registry.get(slug), url).sign_in()

    def tell(self, what: str, **asked: Any) -> None:
        sent = {"provider": self.slug, "resource": self.resource.name, **asked}
        assert requests.post(f"{self.url}/_lab/{what}", json=sent, timeout=5).status_code == 200

    def records(self) -> dict[str, dict[str, Any]]:
        return {one[self.resource.key]: one for one in self.client.read(self.resource)}

    def count(self, what: str) -> int:
        counts = requests.get(f"{self.url}/_lab/state", timeout=5).json()["counts"]
        return counts.get(self.slug, {}).get(f"{self.resource.name} {what}", 0)


@pytest.fixture(params=sorted(RESOURCES))
def place(request, chapters, settings) -> Iterator[tuple[Connection, Other]]:
    """A chapter connected to the lab's vendor, read once."""
    slug = request.param
    with serve(make_lab()) as serving:
        settings.LAB_URL = serving.url
        other = Other(serving.url, slug)
        with hub.enter(chapters["sydney"]):
            connection = Connection.objects.create(
                provider=slug, name="Ledger", environment="lab", status="connected", auth_kind=other.client.auth.kind,
                account_id=other.client._account,
            )  # fmt: skip
            tokens = other.client.tokens
            credentials.save(connection, tokens, expires_at=timezone.now() + timedelta(hours=1))
            assert sync(connection, other.resource.name).state == "succeeded"
            yield connection, other
        with hub.enter(chapters["melbourne"]):
            assert not OutboundWrite.objects.exists()


def on(connection: Connection, other: Other, *, creates: bool = False) -> None:
    run = switch.switch_on(connection, other.resource.name, creates=creates)
    run = sync(connection, other.resource.name, run=run)
    assert (run.state, run.sent) == ("succeeded", 0), run.message


def named(other: Other, name: str) -> list[dict[str, Any]]:
    return [one for one in other.records().values() if (one.get("Name") or one.get("name")) == name]


def test_what_was_read_is_not_sent_back_when_two_way_is_switched_on(place):
    connection, other = place
    on(connection, other)
    assert (other.count("changed"), other.count("created")) == (0, 0)


def test_edits_here_arrive_there_once_and_come_back_unchanged(place):
    connection, other = place
    on(connection, other)
    before = other.records()
    for party in Party.objects.order_by("pk")[:4]:
        party.name, party.phone = f"{party.name} Edited", "0491 570 006"
        party.save()
    run = sync(connection, other.resource.name)
    assert (run.state, run.sent, other.count("changed")) == ("succeeded", 4, 4), run.message
    after = other.records()
    changed = [key for key in after if after[key] != before[key]]
    assert len(changed) == 4
    for key in changed:
        theirs = after[key]
        assert (theirs.get("Name") or theirs.get("name")).endswith(" Edited")
        assert theirs.get("EmailAddress", theirs.get("email")) == before[key].get(
            "EmailAddress", before[key].get("email")
        )
    run = sync(connection, other.resource.name)
    assert (run.updated, run.sent, other.count("changed")) == (0, 0, 4), run.message
    assert set(Party.objects.filter(name__endswith=" Edited").values_list("phone", flat=True)) == {"0491 570 006"}


def test_a_value_cleared_here_is_cleared_there(place):
    connection, other = place
    on(connection, other)
    link = next(one for one in RecordLink.objects.all() if one.base.get("email"))
    Party.objects.filter(pk=link.record_id).update(email="")
    assert sync(connection, other.resource.name).sent == 1
    theirs = other.records()[link.external_id]
    assert (theirs.get("EmailAddress") or theirs.get("email") or "") == ""
    run = sync(connection, other.resource.name)
    assert (run.sent, Party.objects.get(pk=link.record_id).email) == (0, "")


def test_a_creation_whose_answer_is_lost_is_there_once(place):
    connection, other = place
    on(connection, other, creates=True)
    Party.objects.create(name="Newly Joined", email="newly.joined@example.org")
    run = lose_the_answer_of_the_write(connection, other)
    assert run.state == "failed"
    assert OutboundWrite.objects.get(op="create").state == "unknown"
    run = sync(connection, other.resource.name)
    assert run.state == "succeeded", run.message
    assert (other.count("created"), len(named(other, "Newly Joined"))) == (1, 1)
    assert Party.objects.filter(name="Newly Joined").count() == 1
    assert RecordLink.objects.get(record_id=Party.objects.get(name="Newly Joined").pk).match == "pushed"


def test_one_that_is_refused_is_shown_with_their_reason_and_the_others_go(place):
    connection, other = place
    on(connection, other, creates=True)
    path = "Name" if other.slug == "xero" else "name"
    other.tell("refuse", path=path, value="Twice Named", message="The name is in use")
    Party.objects.create(name="Twice Named", email="twice@example.org")
    Party.objects.create(name="Once Named", email="once@example.org")
    run = sync(connection, other.resource.name)
    assert (run.state, run.sent, run.refused) == ("partial", 1, 1), run.message
    assert "The name is in use" in OutboundWrite.objects.get(state="refused").answer
    assert len(named(other, "Once Named")) == 1


def test_a_pause_that_the_vendor_asks_for_is_a_pause(place):
    from integrations.provider import RateLimited
    from integrations.sync.models import SyncRun

    from .test_once import Work

    connection, other = place
    on(connection, other)
    party = Party.objects.order_by("pk").first()
    Party.objects.filter(pk=party.pk).update(phone="0491 570 006")
    run = SyncRun.objects.create(connection=connection, resource=other.resource.name)
    other.tell("faults", fault="429", retry_after=600)
    with pytest.raises(RateLimited):
        sync(connection, other.resource.name, run=run, work=Work())
    assert other.count("changed") == 0


def lose_the_answer_of_the_write(connection: Connection, other: Other) -> Any:
    """The run reads first, so the fault is asked for just before the write leaves."""
    from integrations.sync.push import calls

    plain = calls.send

    def losing(*args: Any) -> Any:
        other.tell("faults", fault="dropped", times=4)  # as often as the door asks by itself
        return plain(*args)

    calls.send = losing
    try:
        return sync(connection, other.resource.name)
    finally:
        calls.send = plain
