"""The testbook, declared differently: what a later release, or another vendor, would say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from integrations import registry
from integrations.provider import Provider

from . import testbook


def declare(monkeypatch: pytest.MonkeyPatch, *, limits: Any = None, **changes: dict[str, Any]) -> Provider:
    """Resource name -> what is different about it."""
    resources = tuple(replace(one, **changes.get(one.name, {})) for one in testbook.provider.resources)
    provider = replace(testbook.provider, resources=resources, limits=limits or testbook.provider.limits)
    monkeypatch.setattr(registry, "all_providers", lambda: {"testbook": provider})
    return provider
