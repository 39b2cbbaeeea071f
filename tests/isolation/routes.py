"""Every route there is, read from the URL configuration: what is added tomorrow is asked tomorrow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.admin import ModelAdmin
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern
from django.utils.regex_helper import normalize

_PARAMETER = re.compile(r"<(?:[^:>]+:)?([^>]+)>")


@dataclass(frozen=True, kw_only=True)
class Route:
    """`template`: the path with `%(name)s` for each of `parameters`. `admin`: the ModelAdmin behind it, where there is one."""

    template: str
    parameters: frozenset[str]
    name: str
    admin: ModelAdmin | None

    @property
    def model(self) -> type[Model] | None:
        """The table behind it; an admin may show a part of it as a proxy."""
        return self.admin.model._meta.concrete_model if self.admin else None

    @property
    def shows_a_part(self) -> bool:
        return bool(self.admin and self.admin.model._meta.proxy)

    def path(self, values: dict[str, Any]) -> str:
        return "/" + self.template % values

    def __str__(self) -> str:
        return self.template


def routes(urlconf: str) -> list[Route]:
    return list(_walk(get_resolver(urlconf), "", frozenset()))


def chapter_routes() -> list[Route]:
    return routes(settings.ROOT_URLCONF)


def hub_routes() -> list[Route]:
    return routes(settings.HUB_URLCONF)


def _walk(resolver: URLResolver, prefix: str, above: frozenset[str]) -> Iterator[Route]:
    for entry in resolver.url_patterns:
        part, names = _template(entry)
        if isinstance(entry, URLResolver):
            yield from _walk(entry, prefix + part, above | names)
        elif isinstance(entry, URLPattern):
            yield Route(
                template=prefix + part,
                parameters=above | names,
                name=entry.name or "",
                admin=getattr(entry.callback, "model_admin", None),
            )


def _template(entry: URLPattern | URLResolver) -> tuple[str, frozenset[str]]:
    if isinstance(entry.pattern, RoutePattern):
        route = str(entry.pattern)
        return _PARAMETER.sub(r"%(\1)s", route), frozenset(_PARAMETER.findall(route))
    template, names = normalize(entry.pattern.regex.pattern)[0]
    return template, frozenset(names)
