"""What a promise is, and who is held to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

from integrations import quality, registry
from integrations.lab import samples
from integrations.provider import Provider, Resource, dig


@dataclass(frozen=True)
class Lab:
    """Where the stand-in answers, and how often it repeats its samples."""

    url: str
    scale: int

    def tell(self, what: str, **said: Any) -> Any:
        answer = requests.post(f"{self.url}/_lab/{what}", json=said, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()


Check = Callable[[Provider, Lab], None]
PROMISES: list[tuple[str, Check]] = []


def promise(name: str) -> Callable[[Check], Check]:
    """Adds a check to the suite, under a line of `quality.yaml`."""
    assert name in quality.PROMISES

    def kept_by(check: Check) -> Check:
        PROMISES.append((name, check))
        return check

    return kept_by


def status(provider: Provider, name: str) -> str:
    return quality.read(registry.folder(provider.slug))[name].status


def is_asked(provider: Provider, name: str) -> bool:
    """Those of the lowest tier are asked of everybody; the others of whoever says that they are done."""
    tier, _ = quality.PROMISES[name]
    said = status(provider, name)
    return said == "done" or (said == "todo" and tier == quality.BRONZE)


def recorded(provider: Provider, resource: Resource) -> list[dict[str, Any]]:
    return samples.of(provider.slug).records(resource)


def place(resource: Resource, record: dict[str, Any]) -> tuple[Any, Any]:
    """What a record is known by: its key, within the record it lives in."""
    return (dig(record, resource.within.into) if resource.within else None, dig(record, resource.key))
