"""What a provider's folder gives the lab: answers of the vendor, written by us in its own shape.

`samples/<resource>.json` is the answer of the resource's list, whole. Beside them may stand
`_accounts.json` (what `Accounts.path` answers), `_test.json` (what the test path answers), `_lookup.json` (OAuth),
`_created.json` ({resource: what the vendor fills in on a new record}), `_actions.json` ({action: {request, answer}}) and
`_webhooks.json` ({topic: a delivery}).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from integrations import registry, targets
from integrations.provider import Field, Provider, Resource, SinglePage, dig

from .cast import CAST
from .wire import read_json


class Samples:
    """The samples of one provider."""

    def __init__(self, provider: Provider, folder: Path) -> None:
        self.provider = provider
        self.files: dict[str, Any] = {
            path.stem: read_json(path.read_bytes()) for path in sorted((folder / "samples").glob("*.json"))
        }

    def answer(self, name: str) -> Any:
        return self.files.get(name)

    def envelope(self, resource: Resource) -> Any:
        """The list's answer, with its records still in it."""
        return self.files.get(resource.name)

    def records(self, resource: Resource) -> list[dict[str, Any]]:
        found = dig(self.files.get(resource.name), resource.records)
        return found if isinstance(found, list) else []

    def created(self, resource: Resource) -> dict[str, Any]:
        found: dict[str, Any] = (self.files.get("_created") or {}).get(resource.name, {})
        return found

    @cached_property
    def labels(self) -> frozenset[str]:
        """Numbers and codes that may stand only once in an account (natural keys of their own): copies get others."""
        found: set[str] = set()
        for resource in self._copied():
            keys = targets.get(resource.target).natural_keys
            alone = {name for key in keys if "email" not in key for name in key}
            for field in resource.mapping.fields:
                if isinstance(field, Field) and field.to in alone and field.to != "type":
                    values = (dig(record, field.sources[0]) for record in self.records(resource))
                    found.update(value for value in values if isinstance(value, str) and value)
        return frozenset(found) - self.keys

    @cached_property
    def keys(self) -> frozenset[object]:
        """Keys of the records that are copied, and so told apart."""
        return frozenset(dig(record, r.key) for r in self._copied() for record in self.records(r))

    @cached_property
    def fixed(self) -> frozenset[object]:
        """Keys of reference data (all of it on one page): the same in every copy."""
        resources = [r for r in self.provider.resources if isinstance(r.pages, SinglePage)]
        return frozenset(dig(record, r.key) for r in resources for record in self.records(r))

    @cached_property
    def key_names(self) -> frozenset[str]:
        return frozenset(resource.key.rpartition(".")[2] for resource in self.provider.resources)

    @cached_property
    def emails(self) -> Mapping[str, tuple[str, str]]:
        """Address -> given and family name of the member of the cast it belongs to."""
        names = {f"{given} {family}": (given, family) for given, family in CAST}
        found: dict[str, tuple[str, str]] = {}
        for resource in self.provider.resources:
            for record in self.records(resource):
                texts = _texts(record)
                address = next((text.lower() for text in texts if is_email(text)), None)
                person = next((names[text] for text in texts if text in names), None) or next(
                    ((given, family) for given, family in CAST if given in texts and family in texts), None
                )
                if address and person:
                    found.setdefault(address, person)
        return found

    @cached_property
    def hashed_emails(self) -> Mapping[str, str]:
        """MD5 of an address -> the address: some vendors' ids."""
        found = {text.lower() for sample in self.files.values() for text in _texts(sample) if is_email(text)}
        return {hashlib.md5(address.encode(), usedforsecurity=False).hexdigest(): address for address in found}

    def is_copied(self, resource: Resource) -> bool:
        """What comes all on one page is reference data (accounts, tax rates): no scale multiplies it."""
        return not isinstance(resource.pages, SinglePage)

    def _copied(self) -> list[Resource]:
        return [resource for resource in self.provider.resources if self.is_copied(resource)]


def is_email(text: str) -> bool:
    local, at, domain = text.partition("@")
    return bool(local and at and "." in domain and " " not in text and "@" not in domain)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inner for text in _texts(item)]


@cache
def of(slug: str) -> Samples:
    return Samples(registry.get(slug), registry.folder(slug))
