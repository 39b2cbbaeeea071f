"""A vendor that answers badly at random, the short form. The long one: `make faults`."""

from __future__ import annotations

import pytest

from .answers import Misanswering
from .records import Size
from .vendor import FAULTS

pytestmark = [pytest.mark.services, pytest.mark.xdist_group("crowd")]


def test_every_run_ends_right_or_says_what_is_missing_and_afterwards_nothing_is(setting):
    size = Size(contacts=160, invoices=80, nameless=False)
    outcome = Misanswering(setting(size, delay=0.005), rounds=2, rate=0.45, seed=8).run()
    assert not outcome.findings, str(outcome.findings)
    assert set(outcome.figures["answers that went wrong"]) == set(FAULTS)
