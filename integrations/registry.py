"""Every provider that is installed: found by looking for `providers.<slug>.provider`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from django.conf import settings

from .provider import Provider


class UnknownProvider(LookupError):
    """No provider has that slug."""


@cache
def all_providers() -> dict[str, Provider]:
    """Slug -> provider, by category and name. A folder whose slug differs from its provider's, or a slug declared twice, is
    an error at start."""
    package = importlib.import_module(settings.PROVIDERS_PACKAGE)
    found: dict[str, Provider] = {}
    for module in pkgutil.iter_modules(package.__path__):
        if not module.ispkg:
            continue
        provider: Provider = importlib.import_module(f"{package.__name__}.{module.name}.provider").provider
        if provider.slug.replace("-", "_") != module.name:
            raise RuntimeError(f"providers/{module.name} declares the slug '{provider.slug}': they must agree.")
        if provider.slug in found:
            raise RuntimeError(f"The slug '{provider.slug}' is declared twice.")
        found[provider.slug] = provider
    return dict(sorted(found.items(), key=lambda item: (item[1].category, item[1].name.lower())))


def get(slug: str) -> Provider:
    try:
        return all_providers()[slug]
    except KeyError:
        raise UnknownProvider(f"There is no provider '{slug}'.") from None


def folder(slug: str) -> Path:
    """Where a provider's samples, quality and logo stand."""
    module = get(slug).slug.replace("-", "_")
    return Path(str(importlib.import_module(f"{settings.PROVIDERS_PACKAGE}.{module}").__file__)).parent
