"""Samples, and what becomes of them here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from integrations import registry
from integrations.canonical import Money
from integrations.lab import samples
from integrations.provider import Each, Field, Provider, Resource, dig
from integrations.provider.money import to_major
from tests.providers.plainly import canonical, inward

from .suite import Lab, promise

SECRET = re.compile(
    r"\b(sk|rk)_live_|\bwhsec_|\bBearer\s|-----BEGIN|\bxox[bp]-|\beyJ[A-Za-z0-9_-]{20,}|\bAKIA[0-9A-Z]{16}"
)
OURS = re.compile(r"@([\w.-]+\.)?example\.(org|com|net)$|@example$", re.IGNORECASE)


def recorded(provider: Provider, resource: Resource) -> list[dict[str, Any]]:
    return samples.of(provider.slug).records(resource)


@promise("samples")
def every_resource_has_samples_with_keys_of_their_own(provider: Provider, lab: Lab):
    for resource in provider.resources:
        records = recorded(provider, resource)
        assert len(records) >= 3, f"{resource.name} has {len(records)} samples"
        keys = [(dig(r, resource.within.into) if resource.within else None, dig(r, resource.key)) for r in records]
        assert len(set(keys)) == len(keys), f"{resource.name}: a key stands twice"


@promise("samples")
def samples_hold_no_secret_and_nobodys_address(provider: Provider, lab: Lab):
    for path in (registry.folder(provider.slug) / "samples").glob("*.json"):
        assert not SECRET.search(path.read_text()), path.name
        for text in texts(samples.of(provider.slug).answer(path.stem)):
            if samples.is_email(text):
                assert OURS.search(text), f"{path.name}: {text} may be somebody's"


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(inner)


@promise("samples")
def references_lead_to_samples(provider: Provider, lab: Lab):
    for resource in provider.resources:
        for field in resource.mapping.fields:
            if isinstance(field, Field) and field.ref:
                there = provider.resource(field.ref)
                known = {dig(record, there.key) for record in recorded(provider, there)}
                named = {inward(resource, record).get(field.to) for record in recorded(provider, resource)} - {None}
                assert named, f"no sample of {resource.name} refers to {field.ref}"
                assert named <= known, f"{resource.name} refers to {field.ref} that are not there: {named - known}"


@promise("mapping")
def every_sample_becomes_a_valid_record(provider: Provider, lab: Lab):
    for resource in provider.resources:
        assert recorded(provider, resource), f"{resource.name} has no samples"
        for record in recorded(provider, resource):
            canonical(resource, record)


@promise("mapping")
def every_field_is_said_by_some_sample(provider: Provider, lab: Lab):
    for resource in provider.resources:
        said: set[str] = set()
        for record in recorded(provider, resource):
            said |= {name for name, value in inward(resource, record).items() if value not in (None, [], {})}
        assert {field.to for field in resource.mapping.fields} <= said, resource.name


WEIRD = (
    None,
    "",
    "\x00",
    "\ud800",
    "x" * 5000,
    0,
    -1,
    10**5000,
    Decimal("1E+30"),
    True,
    [],
    [None],
    {},
    {"value": 1},
    [[1]],
)
# What the engine takes for "cannot be read"; anything else would end a run.
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)


@promise("mapping")
def a_drifted_field_spoils_its_record_and_nothing_else(provider: Provider, lab: Lab):
    for resource in provider.resources:
        record = next(iter(recorded(provider, resource)), {})
        for path in {source.lstrip("/").partition(".")[0] for source in sources(resource)}:
            for value in WEIRD:
                try:
                    canonical(resource, {**record, path: value})
                except UNREADABLE:
                    continue


def sources(resource: Resource) -> Iterator[str]:
    for field in resource.mapping.fields:
        if isinstance(field, Each):
            yield field.source
        elif isinstance(field, Field):
            yield from field.sources


@promise("money")
def no_cent_is_lost(provider: Provider, lab: Lab):
    """An amount here is the amount there: the same digits, or all of a currency in one smaller unit."""
    units: dict[str, set[Decimal]] = {}
    for resource in provider.resources:
        for record in recorded(provider, resource):
            for there, money in amounts(resource, record):
                if money.minor:
                    units.setdefault(money.currency, set()).add(Decimal(there) / to_major(money.minor, money.currency))
                else:
                    assert Decimal(there) == 0
    assert units
    for currency, found in units.items():
        assert len(found) == 1, f"{currency} is read in several units: {found}"
        assert found <= {Decimal(1), Decimal(100), Decimal(1000)}, f"{currency}: {found}"


def amounts(resource: Resource, record: dict[str, Any]) -> Iterator[tuple[Any, Money]]:
    """Each amount as the vendor wrote it and as we have it; of fields that are an amount and a currency."""
    ours = canonical(resource, record)
    for field in resource.mapping.fields:
        money = getattr(ours, field.to, None)
        if isinstance(field, Field) and isinstance(money, Money) and len(field.sources) == 2:
            there = dig(record, field.sources[0])
            if there is not None:
                yield there, money


@promise("money")
def samples_hold_currencies_without_and_with_more_decimals(provider: Provider, lab: Lab):
    found = {
        money.currency
        for r in provider.resources
        for record in recorded(provider, r)
        for _, money in amounts(r, record)
    }
    assert {"JPY", "KWD"} <= found
