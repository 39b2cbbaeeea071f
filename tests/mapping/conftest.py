from tests.sync.conftest import ledger, running_vendor, vendor

__all__ = ["ledger", "running_vendor", "vendor"]
