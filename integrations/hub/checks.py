"""System checks of the hub: which apps may stand in both the public schema and the chapters'."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register()
def overlap(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """An app in both lists is silently read from `public` for a schema that does not exist: each must be deliberate."""
    both = set(settings.SHARED_APPS) & set(settings.TENANT_APPS)
    found: list[CheckMessage] = [
        Error(
            f"{app} stands in both SHARED_APPS and CHAPTER_APPS.",
            hint="Put it in one of them, or in SHARED_AND_CHAPTER_APPS with a test that nothing leaks through it.",
            id="hub.E001",
        )
        for app in sorted(both - set(settings.SHARED_AND_CHAPTER_APPS))
    ]
    if getattr(settings, "TENANT_LIMIT_SET_CALLS", False):
        found.append(
            Error(
                "TENANT_LIMIT_SET_CALLS is on: a rolled-back savepoint may leave the connection in another chapter.",
                hint="Remove the setting.",
                id="hub.E002",
            )
        )
    return found
