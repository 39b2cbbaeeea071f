"""The canonical schemas: what every record is, whoever it came from."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import targets
from integrations.api import examples
from integrations.api.openapi import operation
from integrations.api.problems import Problem
from integrations.api.serializers.schemas import CanonicalSchemaListSerializer
from integrations.api.view import ApiView


class Schemas(ApiView):
    scopes = {"GET": "integrations:read"}

    @operation(
        "List canonical schemas",
        "Versioned: a changed meaning has a new URN.",
        tag="Schemas",
        responses={200: (CanonicalSchemaListSerializer, examples.CANONICAL_SCHEMAS)},
    )
    def get(self, request: Request) -> Response:
        found = [
            {
                "urn": urn,
                "target": target.name,
                "label": target.label,
                "url": reverse("api:canonical-schema", args=[urn]),
            }
            for urn, target in sorted(_by_urn().items())
        ]
        return Response({"results": found})


class CanonicalSchema(ApiView):
    scopes = {"GET": "integrations:read"}

    @operation(
        "Show a canonical schema",
        "JSON Schema, draft 2020-12.",
        tag="Schemas",
        responses={200: (OpenApiTypes.OBJECT, examples.CANONICAL_SCHEMA)},
    )
    def get(self, request: Request, urn: str) -> Response:
        target = _by_urn().get(urn)
        if target is None:
            raise Problem(404, f"There is no schema '{urn}'.")
        return Response(target.canonical.json_schema())  # type: ignore[attr-defined]


def _by_urn() -> dict[str, Any]:
    return {target.canonical.URN: target for target in targets.all_targets().values()}  # type: ignore[attr-defined]
