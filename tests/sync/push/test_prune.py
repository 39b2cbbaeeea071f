"""What was sent is not kept for ever, and no key comes twice because of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations import hub
from integrations.connections.models import Connection
from integrations.sync import upkeep
from integrations.sync.push import prune
from integrations.sync.push.models import OutboundWrite

from .conftest import sync, two_way
from .test_sending import contacts, edit

pytestmark = pytest.mark.services


def aged(days: int) -> None:
    OutboundWrite.objects.update(finished_at=timezone.now() - timedelta(days=days))


def sent_often(ledger, shop, phones=("2", "3", "4")) -> None:
    contacts(shop)
    two_way(ledger)
    for phone in phones:
        edit("Contact 1", phone=phone)
        sync(ledger)


def versions() -> list[int]:
    return list(OutboundWrite.objects.order_by("version").values_list("version", flat=True))


def test_what_was_sent_long_ago_is_forgotten_but_the_newest_of_each_record(ledger, shop):
    sent_often(ledger, shop)
    edit("Contact 2", phone="2")
    sync(ledger)
    aged(29)
    assert (prune.prune(), OutboundWrite.objects.count()) == (0, 4)
    aged(31)
    assert prune.prune() == 2
    left = OutboundWrite.objects.order_by("external_id").values_list("external_id", "version")
    assert list(left) == [("c1", 3), ("c2", 1)]


def test_a_change_back_to_what_was_forgotten_has_a_key_of_its_own(ledger, shop):
    sent_often(ledger, shop)
    aged(31)
    prune.prune()
    edit("Contact 1", phone="2")
    sync(ledger)
    keys = [one.headers["idempotency-key"] for one in shop.writes()]
    assert len(keys) == len(set(keys)) == 4
    assert versions() == [3, 4]


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("state", ["ready", "waiting", "sending", "unknown", "refused"])
def test_what_is_not_settled_stays_however_old_and_so_does_what_its_key_is_counted_from(ledger, shop, state, version):
    sent_often(ledger, shop)
    aged(400)
    OutboundWrite.objects.filter(version=version).update(state=state)
    assert (prune.prune(), versions()) == (1, [2, 3])


def test_the_hourly_upkeep_prunes_in_short_transactions_as_long_as_was_set(
    ledger, shop, chapters, settings, monkeypatch
):
    sent_often(ledger, shop, ("2", "3", "4", "5", "6"))
    aged(400)
    monkeypatch.setattr(prune, "BATCH", 2)
    settings.SENT_KEEP_DAYS = 0
    upkeep.run(None)
    assert OutboundWrite.objects.count() == 5
    settings.SENT_KEEP_DAYS = 500
    upkeep.run(None)
    assert OutboundWrite.objects.count() == 5
    settings.SENT_KEEP_DAYS = 30
    with CaptureQueriesContext(database) as found:
        upkeep.run(None)
    assert versions() == [5]
    assert sum("DELETE FROM integrations_outboundwrite" in str(query["sql"]) for query in found) == 3


def test_one_chapters_writes_are_not_the_others(ledger, shop, chapters):
    sent_often(ledger, shop)
    aged(31)
    chapter = hub.current()
    database.set_schema_to_public()
    with hub.enter(chapters["melbourne"]):
        assert (Connection.objects.count(), prune.prune()) == (1, 0)
    database.set_tenant(chapter)
    assert versions() == [1, 2, 3]
