from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from .stage import Stage, stage


@pytest.fixture
def setting(committed, tmp_path: Path, settings) -> Iterator[Callable[..., Stage]]:
    """Sets a stage up: `setting(Size(...), delay=0.02)`."""
    with ExitStack() as stack:
        yield lambda size, **more: stack.enter_context(stage(tmp_path / "stage", committed, size, **more))
