"""The integrations there are, and which of them this chapter has connected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from integrations import registry, targets
from integrations.api import examples
from integrations.api.addressing import provider_by_slug
from integrations.api.openapi import operation
from integrations.api.permissions import may_use, usable_providers
from integrations.api.queries import query
from integrations.api.serializers.integrations import (
    CatalogueQuerySerializer,
    IntegrationDetailSerializer,
    IntegrationListSerializer,
)
from integrations.api.view import ApiView
from integrations.connections import services
from integrations.connections.models import Connection
from integrations.provider import Provider, Resource


class Catalogue(ApiView):
    scopes = {"GET": "integrations:read"}

    @operation(
        "List integrations",
        "Every integration that can be connected, with this chapter's connections to it.",
        tag="Integrations",
        parameters=[CatalogueQuerySerializer],
        responses={200: (IntegrationListSerializer, {"results": [examples.INTEGRATION]})},
    )
    def get(self, request: Request) -> Response:
        asked = query(CatalogueQuerySerializer, request)
        found = catalogue(usable_providers(request))
        words = asked.get("search", "").lower().split()
        results = [
            shown
            for shown in found
            if asked.get("category") in (None, shown["category"])
            and asked["connected"] in (None, shown["connected"])
            and all(word in f"{shown['name']} {shown['summary']}".lower() for word in words)
        ]
        return Response(IntegrationListSerializer({"results": results}).data)


class Connected(ApiView):
    scopes = {"GET": "integrations:read"}

    @operation(
        "List connected integrations",
        "The integrations with a connection that has not been disconnected.",
        tag="Integrations",
        responses={200: (IntegrationListSerializer, {"results": [examples.INTEGRATION]})},
    )
    def get(self, request: Request) -> Response:
        found = [shown for shown in catalogue(usable_providers(request)) if shown["connected"]]
        return Response(IntegrationListSerializer({"results": found}).data)


class Integration(ApiView):
    scopes = {"GET": "integrations:read"}

    @operation(
        "Describe an integration",
        "How to connect it, what it brings in, what it can do and what can be set.",
        tag="Integrations",
        responses={200: (IntegrationDetailSerializer, examples.INTEGRATION_DETAIL)},
    )
    def get(self, request: Request, slug: str) -> Response:
        provider = provider_by_slug(slug)
        may_use(request, self, provider)
        return Response(IntegrationDetailSerializer(_detail(provider)).data)


def catalogue(slugs: Iterable[str]) -> list[dict[str, Any]]:
    """The providers of these slugs with their connections, in one query. Without `view` of a provider, only its face."""
    connections: dict[str, list[Connection]] = defaultdict(list)
    for connection in Connection.objects.filter(provider__in=list(slugs)).order_by("pk"):
        connections[connection.provider].append(connection)
    return [_summary(provider, connections[provider.slug]) for provider in registry.all_providers().values()]


def _summary(provider: Provider, connections: list[Connection]) -> dict[str, Any]:
    return {
        "slug": provider.slug,
        "name": provider.name,
        "category": provider.category,
        "summary": provider.summary,
        "website": provider.website,
        "auth_kinds": [auth.kind for auth in provider.auths],
        "resources": [resource.name for resource in provider.resources],
        "actions": [action.name for action in provider.actions],
        "connected": any(c.status != Connection.Status.DISCONNECTED for c in connections),
        "connections": connections,
    }


def _detail(provider: Provider) -> dict[str, Any]:
    connections = list(Connection.objects.filter(provider=provider.slug).order_by("pk"))
    return {
        **_summary(provider, connections),
        "auth": [
            {"kind": auth.kind, "label": auth.label, "fields": services.credential_fields(provider.slug, auth.kind)}
            for auth in provider.auths
        ],
        "resources": [_resource(resource) for resource in provider.resources],
        "actions": [
            {"name": a.name, "label": a.label, "irreversible": a.irreversible, "input": dict(a.input)}
            for a in provider.actions
        ],
        "settings": dict(provider.settings),
        "setup": list(provider.setup),
        "regions": list(provider.residency.regions),
        "api_version": provider.api_version,
    }


def _resource(resource: Resource) -> dict[str, Any]:
    return {
        "name": resource.name,
        "label": resource.label or resource.name.replace("_", " ").capitalize(),
        "target": resource.target,
        "schema": targets.get(resource.target).canonical.URN,  # type: ignore[attr-defined]
        "writable": resource.write is not None and resource.write.create is not None,
        "every_seconds": int(resource.every.total_seconds()),
    }
