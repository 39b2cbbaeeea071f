"""What a chapter may choose about a connection, held against the provider's schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.json_schema import mistakes
from integrations.provider import Provider

from .models import Connection


class SettingsRefused(ValueError):
    """`errors`: `[{"pointer", "detail"}]`, every one of them."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__("; ".join(f"{error['pointer']}: {error['detail']}" for error in errors))
        self.errors = errors


def save_settings(connection: Connection, provider: Provider, values: Mapping[str, Any]) -> Connection:
    """Replace the connection's settings. SettingsRefused, and nothing saved, when the provider's schema is not satisfied."""
    if errors := mistakes(provider.settings, values):
        raise SettingsRefused(errors)
    connection.settings = dict(values)
    connection.save(update_fields=["settings", "updated_at"])
    return connection
