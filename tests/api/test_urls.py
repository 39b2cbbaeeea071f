"""The addresses of the API, and what may not be called like them."""

from __future__ import annotations

import dataclasses

from django.urls import get_resolver

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
