"""PostgreSQL crashes in the middle of a sync, the short form. The long one: `make faults`."""

from __future__ import annotations

import pytest

from .crashes import dump_of_this, played

pytestmark = pytest.mark.xdist_group("crowd")


def test_no_batch_is_half_there_when_the_server_has_crashed(committed, tmp_path):
    outcome = played(1, seed=1, dump=dump_of_this(tmp_path / "chapters.sql"))
    assert not any(outcome["findings"].values()), outcome["findings"]
    assert outcome["figures"]["crashes"] == 1
