"""The addresses of the API, and what may not be called like them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from uuid import UUID

import pytest
from django.urls import Resolver404, URLPattern, URLResolver, get_resolver, path
from django.urls.resolvers import RegexPattern
from hypothesis import given
from hypothesis import strategies as st

from integrations import registry
from integrations.api import checks

from .samples import PROVIDERS, shop


def test_every_word_of_the_addresses_is_reserved():
    words = set()
    for resolver in get_resolver("integrations.api.urls").url_patterns:
        steps = str(resolver.pattern).split("/")
        if steps[0] in ("integrations", "connections") and len(steps) > 2 and "<" not in steps[2]:
            words.add(steps[2])
        for inner in getattr(resolver, "url_patterns", ()):
            words |= {step for step in str(inner.pattern).split("/")[:1] if "<" not in step}
    assert words - {""} == checks.OF_A_CONNECTION


def test_a_provider_that_takes_an_address_of_the_api_is_refused_at_start(monkeypatch):
    resource = dataclasses.replace(shop.resources[0], name="settings")
    taken = dataclasses.replace(shop, slug="connected", resources=(resource,))
    monkeypatch.setattr(registry, "all_providers", lambda: {**PROVIDERS, "connected": taken})
    said = {message.msg for message in checks.addresses(None)}
    assert said == {
        "Provider 'connected': 'connected' is an address of the API.",
        "Provider 'connected': 'settings' is an address of the API.",
    }


def beside(*routes: str) -> URLResolver:
    """These addresses, in this order; each leads to its own text."""
    patterns: list[URLPattern] = [path(route, lambda request: None, {"route": route}) for route in routes]
    return URLResolver(RegexPattern(r"^"), patterns)


ENDPOINT, PROVIDER = "webhooks/<uuid:endpoint_id>", "webhooks/<provider:slug>"


@pytest.mark.parametrize("order", [(ENDPOINT, PROVIDER), (PROVIDER, ENDPOINT)])
def test_the_id_of_a_webhook_is_no_providers_slug_whatever_its_letters(order):
    resolver = beside(*order)

    @given(st.uuids(), st.sampled_from("abcdef"))
    def meet(found, letter):
        begins_with_a_letter = UUID(letter + str(found)[1:])
        for one in (found, begins_with_a_letter):
            assert resolver.resolve(f"webhooks/{one}").kwargs == {"endpoint_id": one, "route": ENDPOINT}

    meet()
    with pytest.raises(Resolver404):
        resolver.resolve("webhooks/ABCDEF00-0000-4000-8000-000000000000")


@pytest.mark.parametrize("order", [(ENDPOINT, PROVIDER), (PROVIDER, ENDPOINT)])
def test_the_slug_of_every_provider_is_no_webhooks_id(order):
    resolver = beside(*order)
    almost = ["abcdef00-0000-4000-8000-00000000000", "abcdef00-0000-4000-8000-0000000000000", "a-b-c-d-e"]
    slugs = [*(one.parent.name for one in Path("providers").glob("*/provider.py")), *almost]
    assert len(slugs) > len(almost)
    for slug in slugs:
        assert resolver.resolve(f"webhooks/{slug}").kwargs == {"slug": slug, "route": PROVIDER}


def test_the_addresses_of_webhooks_are_there():
    found = get_resolver("integrations.api.urls").resolve("/webhooks/abcdef00-0000-4000-8000-000000000000")
    assert found.route == ENDPOINT
