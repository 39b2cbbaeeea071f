"""A list costs the same number of queries, however long it is."""

from __future__ import annotations

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from uuid_utils.compat import uuid7

from integrations import hub
from integrations.sync.models import QuarantinedRecord, RecordLink, ResourceState, SyncRun
from members.models import Member, Tag

pytestmark = pytest.mark.django_db

LISTS = {
    "integrations": 6,
    "integrations/connected": 6,
    "integrations/shop": 6,
    "connections": 6,
    "schemas": 5,
    "connections/{}/mappings": 8,
    "connections/{}/sync/status": 9,
    "connections/{}/sync/logs": 7,
    "connections/{}/sync/set-aside": 7,
    "connections/{}/sync/set-aside/reasons": 7,
    "connections/{}/webhook/events": 7,
    "connections/{}/sync/schedules": 8,
    "connections/{}/people": 10,
    "connections/{}/tags": 10,
}


def fill(mine, count):
    """So many runs, synced people and tags of the connection."""
    now = timezone.now()
    SyncRun.objects.bulk_create(SyncRun(connection=mine, resource="people", state="succeeded") for _ in range(count))
    ResourceState.objects.get_or_create(connection=mine, resource="people")
    QuarantinedRecord.objects.bulk_create(
        QuarantinedRecord(connection=mine, resource="people", external_id=str(uuid7()), reasons=[{"message": "no"}])
        for _ in range(count)
    )
    people = Member.objects.bulk_create(Member(display_name=f"Person {n}") for n in range(count))
    tags = Tag.objects.bulk_create(Tag(name=f"Tag {n}") for n in range(count))
    RecordLink.objects.bulk_create(
        RecordLink(
            connection=mine,
            resource=resource,
            external_id=str(uuid7()),
            target=target,
            record_id=row.pk,
            first_seen=now,
            last_changed=now,
        )
        for resource, target, rows in (("people", "members.member", people), ("tags", "members.tag", tags))
        for row in rows
    )


@pytest.mark.parametrize("path", LISTS)
def test_a_list_costs_as_many_queries_long_as_short(sydney, with_key, connect, path):
    caller = with_key(sydney)
    caller.get("schemas")  # the key is noted as used, once
    mine = connect(sydney)
    with hub.enter(sydney):
        fill(mine, 2)
    short = asked(caller, path.format(mine.pk))
    for number in range(30):
        connect(sydney, "ledger", name=f"Ledger {number}")
    with hub.enter(sydney):
        fill(mine, 60)
    long = asked(caller, path.format(mine.pk))
    assert len(long) == len(short) <= LISTS[path], "\n".join(long)


def asked(caller, path):
    with CaptureQueriesContext(
        database,
    ) as captured:
        answer = caller.get(path)
    assert answer.status_code == 200, answer.content
    return [query["sql"] for query in captured.captured_queries if not query["sql"].startswith("SET search_path")]
