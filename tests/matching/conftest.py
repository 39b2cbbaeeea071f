"""The small vendor of tests/sync, whose `staff` become members."""

from __future__ import annotations

from tests.sync.conftest import ledger, running_vendor, vendor

__all__ = ["ledger", "running_vendor", "vendor"]
