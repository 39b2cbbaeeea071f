from __future__ import annotations

from collections.abc import Iterator

import pytest

from integrations import registry
from integrations.marketplace import logos


@pytest.fixture(autouse=True)
def _fake_providers(settings) -> Iterator[None]:
    """The pages are tested with providers of their own, so that no vendor's change breaks them."""
    settings.PROVIDERS_PACKAGE = "tests.marketplace.fake_providers"
    _forget()
    yield
    _forget()


def _forget() -> None:
    registry.all_providers.cache_clear()
    logos.logo_of.cache_clear()
