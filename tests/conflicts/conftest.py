from __future__ import annotations

import pytest

from integrations import hub
from integrations.conflicts.models import Conflict
from tests.sync.conftest import ledger, running_vendor, vendor  # noqa: F401


@pytest.fixture(autouse=True)
def _nothing_in_melbourne(melbourne, request):
    yield
    if "ledger" in request.fixturenames:
        with hub.enter(melbourne):
            assert not Conflict.objects.exists(), "Sydney's conflicts are in Melbourne"
