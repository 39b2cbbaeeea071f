"""A feed restored on another server goes on: its readers miss nothing, though transaction ids began anew."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from integrations import hub
from integrations.changes import feed
from integrations.changes.models import ChangePosition, ChangeSet
from integrations.hub.models import Chapter
from members.models import Member

pytestmark = pytest.mark.services


def test_a_reader_goes_on_before_the_first_change_it_has_not_read(committed: dict[str, Chapter], capsys) -> None:
    with hub.enter("sydney"):
        people = [Member.objects.create(display_name=name).pk for name in "abc"]
        read = feed.read(feed.START, limit=1)
        # As another server would have numbered them: far beyond anything that begins here.
        for made in ChangeSet.objects.all():
            ChangeSet.objects.filter(pk=made.pk).update(xid=made.xid + 10**12)
        feed.moved("push", feed.Position(read[0].position.xid + 10**12, read[0].position.change))
        feed.moved("done", feed.Position(2**62, 2**62))
        assert feed.read(feed.position_of("push")) == []
    call_command("rebasechanges")
    with hub.enter("sydney"):
        assert [one.aggregate for one in feed.read(feed.position_of("push"))] == people[1:]
        assert feed.read(feed.position_of("done")) == []
        new = Member.objects.create(display_name="d").pk
        assert [one.aggregate for one in feed.read(feed.position_of("done"))] == [new]
    with hub.enter("melbourne"):
        assert not ChangePosition.objects.exists()
    assert "change_sets=3 skipped=0" in capsys.readouterr().out
