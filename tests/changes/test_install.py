"""The triggers of a chapter are made once, mended where they are missing or old, and pruning forgets only what may go."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from integrations import hub
from integrations.changes import feed, install, origins, prune
from integrations.changes.models import Change, ChangePosition, ChangeSet
from integrations.hub.models import Chapter
from members.models import Member

pytestmark = pytest.mark.services


def triggers() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid WHERE starts_with(tgname, 'changes_')"
            " AND c.relnamespace = current_schema()::regnamespace"
        )
        return {row[0] for row in cursor.fetchall()}


def test_what_is_up_to_date_is_left_alone(sydney: Chapter) -> None:
    with hub.enter(sydney):
        assert install.install() == []


def test_a_trigger_that_is_gone_is_made_again(sydney: Chapter, melbourne: Chapter) -> None:
    with hub.enter(sydney):
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER changes_members_member_update ON members_member")
        assert install.install() == ["changes_members_member_update"]
        assert "changes_members_member_update" in triggers()
    with hub.enter(melbourne):
        assert install.install() == []


def test_a_function_of_an_older_text_is_replaced(sydney: Chapter) -> None:
    with hub.enter(sydney):
        with connection.cursor() as cursor:
            cursor.execute("COMMENT ON FUNCTION changes_finance_party_insert() IS 'older'")
        assert install.install() == ["changes_finance_party_insert"]


def test_the_hub_has_no_feed(db: None) -> None:
    connection.set_schema_to_public()
    assert install.install() == []
    assert triggers() == set()


def old_change(days: int) -> ChangeSet:
    """One transaction holds the whole test, so each is given a transaction and a time of its own by hand."""
    with origins.by(f"user:{days}"):
        Member.objects.create(display_name=f"{days} days")
    made = ChangeSet.objects.get(origin=f"user:{days}")
    made.xid, made.at = made.xid + 1000 - days, timezone.now() - timedelta(days=days)
    made.save()
    return made


def test_pruning_forgets_what_is_old_with_its_change_set(sydney: Chapter, melbourne: Chapter, settings) -> None:
    settings.CHANGES_KEEP_DAYS = 100
    for chapter in (sydney, melbourne):
        with hub.enter(chapter):
            old_change(101)
            young = old_change(99)
            if chapter == sydney:
                assert prune.prune() == 1
                assert list(Change.objects.values_list("changeset", flat=True)) == [young.pk]
            else:
                assert Change.objects.count() == 2


def test_what_a_reader_has_still_to_read_is_kept(sydney: Chapter, settings) -> None:
    """Also the rest of a change set in whose middle the reader stopped."""
    settings.CHANGES_KEEP_DAYS = 100
    with hub.enter(sydney):
        first, second = old_change(130), old_change(120)
        feed.moved("push", feed.Position(second.xid, 0))
        assert prune.prune() == 1
        assert not ChangeSet.objects.filter(pk=first.pk).exists()
        assert Change.objects.filter(changeset=second.pk).exists()
        ChangePosition.objects.update(moved_at=timezone.now() - timedelta(days=101))
        assert prune.prune() == 1
