from __future__ import annotations

from collections.abc import Iterator

import pytest

from integrations.lab.app import make_lab
from integrations.lab.server import serve
from tests.providers.promises import Lab


@pytest.fixture(scope="session")
def _lab() -> Iterator[Lab]:
    with serve(make_lab(scale=4)) as serving:
        yield Lab(serving.url, 4)


@pytest.fixture
def lab(_lab: Lab) -> Lab:
    """The stand-in, as new."""
    _lab.tell("reset")
    return _lab
