"""What a batch costs does not grow with what was read before it."""

from __future__ import annotations

import pytest
from django.db import connection as database

from integrations.sync import pull
from integrations.sync.engine import run_sync
from integrations.sync.models import SyncRun

from .testbook import contact, person

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def rows_read(table: str) -> int:
    """Of a table, by whatever plan, in the transaction of the test."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables"
            " WHERE schemaname = current_schema() AND relname = %s",
            [table],
        )
        return cursor.fetchone()[0]


@pytest.mark.parametrize(("resource", "table"), [("staff", "members_member"), ("staff", "integrations_recordlink")])
def test_a_load_reads_back_no_more_than_it_brings(ledger, vendor, monkeypatch, resource, table):
    """Twenty batches into tables of which no statistics are kept yet."""
    monkeypatch.setattr(pull, "MOST_PAGES", 1)
    vendor.lists("/staff", [person(n, member_no=f"M{n}") for n in range(2000)])
    before = rows_read(table)
    assert run_sync(ledger, resource).created == 2000
    assert rows_read(table) - before < 2 * 2000  # reading all that is there for every batch would be 19,000


def test_an_unchanged_record_is_looked_up_once_and_written_never(ledger, vendor, monkeypatch):
    monkeypatch.setattr(pull, "MOST_PAGES", 40)
    vendor.lists("/contacts", [contact(n) for n in range(300)])
    run_sync(ledger, "contacts")
    before = rows_read("integrations_recordlink")
    run = run_sync(ledger, "contacts", full=True)
    assert (run.unchanged, SyncRun.objects.count()) == (300, 2)
    assert rows_read("integrations_recordlink") - before == 300
    with database.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM integrations_recordlink WHERE last_changed > %s", [run.started_at])
        assert cursor.fetchone() == (0,)
