"""The product with one provider, the bench's own, whose vendor is the local stub. Everything else is as in production: no
debugging, the real door out (limits, breaker, checked addresses), the real command."""

import os

from config.settings.base import *  # noqa: F403

SECRET_KEY = "for-the-bench-only"
PROVIDERS_PACKAGE = "bench.providers"
LAB_URL = os.environ.get("BENCH_VENDOR", "")
