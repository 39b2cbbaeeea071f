"""`manage.py runs`: what a chapter's syncs are doing."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from integrations import hub
from integrations.connections.models import Connection
from integrations.sync import pace
from integrations.sync.models import SyncRun

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def said(*args):
    out = StringIO()
    call_command("runs", *args, stdout=out)
    return out.getvalue()


def test_each_run_says_what_it_is_doing_and_only_of_this_chapter(sydney, melbourne):
    later = timezone.now() + timedelta(hours=2)
    for chapter in (sydney, melbourne):
        with hub.enter(chapter):
            ledger = Connection.objects.create(provider="xero", name=f"{chapter.name} ledger", auth_kind="none")
            kept = {"connection": ledger, "resource": "contacts"}
            SyncRun.objects.create(**kept, state="succeeded", message="12 read: 12 new.", finished_at=timezone.now())
            SyncRun.objects.create(**kept, state="running", fetched=12_400, pages=124, resumes_at=later)
            clock = pace.clock(later)
    found = said("sydney")
    assert "succeeded  Sydney ledger: contacts: 12 read: 12 new." in found
    assert f"waiting    Sydney ledger: contacts: Partial: 12,400 read, goes on at {clock}. pages=124" in found
    assert "Melbourne" not in found


def test_nothing_under_way_is_said_and_watching_ends(sydney):
    assert said("sydney", "--watch") == "Nothing is under way.\n"


def test_an_unknown_chapter_is_refused():
    with pytest.raises(CommandError, match="not known"):
        call_command("runs", "nowhere")
