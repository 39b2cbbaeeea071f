"""Workers killed in the middle of syncs, the short form. The long one: `make faults`."""

from __future__ import annotations

import pytest

from .kills import Killing
from .records import Size

pytestmark = [pytest.mark.services, pytest.mark.xdist_group("crowd")]


def test_every_record_is_here_exactly_once_while_workers_are_killed(setting):
    outcome = Killing(setting(Size(contacts=160, invoices=80), lease=2), kills=8, per_round=8, seed=1).run()
    assert not outcome.findings, str(outcome.findings)
    assert outcome.kills == 8
    assert outcome.figures["never gone on with"] == 0
