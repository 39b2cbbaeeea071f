"""Which declaration answers an address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from integrations.provider import ClientCredentials, OAuth2, Provider, Resource, Tombstones

from .samples import Samples

# What an address may be for.
AUTHORIZE, TOKEN, REVOKE, LOOKUP = "authorize", "token", "revoke", "lookup"
ACCOUNTS, TEST, ACTION = "accounts", "test", "action"
LIST, ONE, CREATE, UPDATE, UPDATE_ALL, DELETED = "list", "one", "create", "update", "update_all", "deleted"
OPEN = (AUTHORIZE, TOKEN, REVOKE)  # the client proves itself in another way than by an access token


@dataclass(frozen=True, kw_only=True)
class Route:
    """`path` may hold {names}, and so may `host`; `about` is the resource or the name of the action."""

    provider: Provider
    kind: str
    methods: tuple[str, ...]
    host: str
    path: str
    about: Resource | OAuth2 | ClientCredentials | str | None = None


@dataclass(frozen=True, kw_only=True)
class Found:
    route: Route
    values: Mapping[str, str] = field(default_factory=dict)


class Routes:
    def __init__(self, samples: list[Samples]) -> None:
        self._routes = [(_pattern(route), route) for one in samples for route in _routes(one)]
        self._hosts = [re.compile(_template(route.host)) for _, route in self._routes]

    def find(self, method: str, host: str, path: str) -> Found | list[str] | None:
        """The route; or the methods that the address does take; or None for an unknown one."""
        others: list[str] = []
        for pattern, route in self._routes:
            match = pattern.fullmatch(f"{host}{path.rstrip('/') or '/'}")
            if match and method in route.methods:
                return Found(route=route, values={name: unquote(value) for name, value in match.groupdict().items()})
            if match:
                others += route.methods
        return others or None

    def provider_of(self, host: str) -> Provider | None:
        for pattern, (_, route) in zip(self._hosts, self._routes, strict=True):
            if pattern.fullmatch(host):
                return route.provider
        return None


def _template(text: str) -> str:
    parts = re.split(r"\{(\w+)\}", text)
    return "".join(f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part) for index, part in enumerate(parts))


def _pattern(route: Route) -> re.Pattern[str]:
    return re.compile(_template(route.host + (route.path.rstrip("/") or "/")))


def _routes(samples: Samples) -> list[Route]:
    """Fixed addresses first: `/lists/{key}` would take `/lists/ping` too."""
    provider = samples.provider
    found = [*_sign_in(provider), *_about_itself(provider)]
    for resource in provider.resources:
        found += _resource(provider, resource)
    for name, action in (samples.answer("_actions") or {}).items():
        method, _, path = action["request"].partition(" ")
        found.append(_route(provider, ACTION, (method,), path, name))
    return sorted(found, key=lambda route: route.path.count("{"))


def _route(provider: Provider, kind: str, methods: tuple[str, ...], address: str, about: Any = None) -> Route:
    """`address` is absolute or below the provider's base URL."""
    parts = urlsplit(address if "://" in address else provider.base_url.rstrip("/") + address)
    return Route(provider=provider, kind=kind, methods=methods, host=parts.netloc, path=parts.path, about=about)


def _sign_in(provider: Provider) -> list[Route]:
    found = []
    for auth in provider.auths:
        if isinstance(auth, (OAuth2, ClientCredentials)):
            found.append(_route(provider, TOKEN, ("POST",), auth.token, auth))
        if isinstance(auth, OAuth2):
            found.append(_route(provider, AUTHORIZE, ("GET", "POST"), auth.authorize, auth))
            if auth.revoke:
                found.append(_route(provider, REVOKE, ("POST",), auth.revoke, auth))
            if auth.lookup:
                found.append(_route(provider, LOOKUP, ("GET",), auth.lookup.url))
    return found


def _about_itself(provider: Provider) -> list[Route]:
    found = [_route(provider, ACCOUNTS, ("GET",), provider.accounts.path)] if provider.accounts else []
    if provider.accounts is None or provider.test != provider.accounts.path:
        found.append(_route(provider, TEST, ("GET",), provider.test))
    return found


def _resource(provider: Provider, resource: Resource) -> list[Route]:
    found = [_route(provider, LIST, ("GET",), resource.path, resource)]
    if resource.one is not None:
        found.append(_route(provider, ONE, ("GET",), f"{resource.path}/{{key}}", resource))
    if isinstance(resource.deletes, Tombstones) and resource.deletes.path:
        found.append(_route(provider, DELETED, ("GET",), resource.deletes.path, resource))
    for kind, declared in (
        (CREATE, resource.write and resource.write.create),
        (UPDATE, resource.write and resource.write.update),
        (UPDATE_ALL, resource.write and resource.write.update_all),
    ):
        if declared:
            method, _, path = declared.partition(" ")
            found.append(_route(provider, kind, (method,), path, resource))
    return found
