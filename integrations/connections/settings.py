"""What a chapter may choose about a connection, held against the provider's schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from integrations.json_schema import mistakes
from integrations.provider import Provider

from .models import Connection


class SettingsRefused(ValueError):
    """`errors`: `[{"pointer", "detail"}]`, every one of them."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__("; ".join(f"{error['pointer']}: {error['detail']}" for error in errors))
        self.errors = errors


def chosen_settings(connection: Connection, provider: Provider) -> dict[str, Any]:
    """What the chapter chose of what the provider offers. The platform's own notes beside it are not shown."""
    offered = provider.settings.get("properties", {})
    return {name: value for name, value in connection.settings.items() if name in offered}


def save_settings(connection: Connection, provider: Provider, values: Mapping[str, Any]) -> Connection:
    """Replace what the chapter chose. SettingsRefused, and nothing saved, when the provider's schema is not satisfied."""
    offered = provider.settings.get("properties", {})
    # Nothing beside what is offered, whatever the schema leaves open: the platform's own notes stand beside it.
    if errors := mistakes({**provider.settings, "properties": offered, "additionalProperties": False}, values):
        raise SettingsRefused(errors)
    with transaction.atomic():
        row = Connection.objects.select_for_update().get(pk=connection.pk)
        ours = {name: value for name, value in row.settings.items() if name not in offered}
        connection.settings = {**ours, **values}
        connection.save(update_fields=["settings", "updated_at"])
    return connection
