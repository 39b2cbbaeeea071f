"""System checks of the API: no provider is called what the API's own addresses are called."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register

from integrations import registry

# What stands after `/integrations/{slug}/` and `/integrations/` itself.
OF_A_CONNECTION = {
    "account", "actions", "conflicts", "connect", "disconnect", "mappings", "oauth", "sending", "settings", "status", "sync",
    "test", "webhook",
}  # fmt: skip
OF_A_SYNC = {"logs", "runs", "status"}
OF_THE_CATALOGUE = {"connected"}


@register()
def addresses(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A resource called `settings` could never be read: its address means the connection's settings."""
    found: list[CheckMessage] = []
    for provider in registry.all_providers().values():
        names = {resource.name for resource in provider.resources} & (OF_A_CONNECTION | OF_A_SYNC)
        names |= {provider.slug} & OF_THE_CATALOGUE
        found += [
            Error(
                f"Provider '{provider.slug}': '{name}' is an address of the API.",
                hint="Call it something else.",
                id="api.E001",
            )
            for name in sorted(names)
        ]
    return found
