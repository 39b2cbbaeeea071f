"""What a chapter chose about a connection: its settings and its deviations from the provider's mapping."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.addressing import ConnectionView
from integrations.api.openapi import operation
from integrations.api.problems import Problem
from integrations.api.queries import body
from integrations.api.serializers.settings import (
    DeviationsSerializer,
    MappingSerializer,
    SettingsAnswerSerializer,
    SettingsSerializer,
)
from integrations.connections.settings import SettingsRefused, save_settings
from integrations.mapping.deviations import DeviationsRefused, effective_mapping, replace_deviations


class Settings(ConnectionView):
    scopes = {"GET": "integrations:read", "PUT": "connections:write"}

    @operation(
        "Show settings",
        "The settings, and the JSON Schema they satisfy.",
        tag="Settings",
        responses={200: SettingsAnswerSerializer},
        example={"settings": {}, "schema": {"type": "object", "properties": {}}},
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        return Response({"settings": self.connection.settings, "schema": dict(self.provider.settings)})

    @operation(
        "Replace settings",
        "All of them. Every mistake is named, and then nothing is saved.",
        tag="Settings",
        request=SettingsSerializer,
        responses={200: SettingsAnswerSerializer},
        sent={"settings": {}},
    )
    def put(self, request: Request, **kwargs: Any) -> Response:
        wanted = body(SettingsSerializer, request)["settings"]
        try:
            save_settings(self.connection, self.provider, wanted)
        except SettingsRefused as refused:
            raise _invalid([{**e, "pointer": "/settings" + e["pointer"]} for e in refused.errors]) from None
        return self.get(request)


class Mappings(ConnectionView):
    scopes = {"GET": "integrations:read", "PUT": "connections:write"}

    @operation(
        "Show the mapping",
        "How every canonical field of every resource is filled: the provider's mapping with this connection's deviations.",
        tag="Settings",
        responses={200: MappingSerializer},
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        fields = effective_mapping(self.connection, self.provider)
        return Response(MappingSerializer({"mappings": fields}).data)

    @operation(
        "Replace the deviations",
        "The fields listed deviate from the provider's mapping, all others follow it; an empty list returns to the provider's."
        " Every mistake is named, and then nothing is saved.",
        tag="Settings",
        request=DeviationsSerializer,
        responses={200: MappingSerializer},
        sent={"mappings": [{"resource": "contacts", "field": "phone", "source": "", "owner": "ours"}]},
    )
    def put(self, request: Request, **kwargs: Any) -> Response:
        wanted = body(DeviationsSerializer, request)["mappings"]
        try:
            replace_deviations(self.connection, self.provider, wanted)
        except DeviationsRefused as refused:
            raise _invalid(refused.errors) from None
        return self.get(request)


def _invalid(errors: list[dict[str, str]]) -> Problem:
    return Problem(400, "The request is not valid.", kind="invalid", errors=errors)
