"""What a chapter chose about a connection: its settings."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api import examples
from integrations.api.addressing import ConnectionView
from integrations.api.openapi import operation
from integrations.api.problems import Problem
from integrations.api.queries import body
from integrations.api.serializers.settings import SettingsAnswerSerializer, SettingsSerializer
from integrations.connections.settings import SettingsRefused, chosen_settings, save_settings


class Settings(ConnectionView):
    scopes = {"GET": "integrations:read", "PUT": "connections:write"}

    @operation(
        "Show settings",
        "The settings, and the JSON Schema they satisfy.",
        tag="Settings",
        responses={200: (SettingsAnswerSerializer, examples.SETTINGS)},
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        return Response(
            {"settings": chosen_settings(self.connection, self.provider), "schema": dict(self.provider.settings)}
        )

    @operation(
        "Replace settings",
        "All of them. Every mistake is named, and then nothing is saved.",
        tag="Settings",
        request=SettingsSerializer,
        responses={200: (SettingsAnswerSerializer, examples.SETTINGS)},
        sent={"settings": {}},
    )
    def put(self, request: Request, **kwargs: Any) -> Response:
        wanted = body(SettingsSerializer, request)["settings"]
        try:
            save_settings(self.connection, self.provider, wanted)
        except SettingsRefused as refused:
            raise _invalid([{**e, "pointer": "/settings" + e["pointer"]} for e in refused.errors]) from None
        return self.get(request)


def _invalid(errors: list[dict[str, str]]) -> Problem:
    return Problem(400, "The request is not valid.", kind="invalid", errors=errors)
