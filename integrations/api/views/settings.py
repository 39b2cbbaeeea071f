"""What a chapter chose about a connection: its settings and its deviations from the provider's mapping."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api import examples
from integrations.api.addressing import ConnectionView
from integrations.api.openapi import operation
from integrations.api.problems import Errors, Problem
from integrations.api.queries import body
from integrations.api.serializers.settings import (
    DeviationsSerializer,
    MappingSerializer,
    SettingsAnswerSerializer,
    SettingsSerializer,
)
from integrations.connections.models import Connection
from integrations.connections.settings import SettingsRefused, chosen_settings, save_settings
from integrations.mapping import services
from integrations.provider import Provider


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


class Mappings(ConnectionView):
    scopes = {"GET": "integrations:read", "PUT": "connections:write"}

    @operation(
        "Show the mapping",
        "How every canonical field of every resource is filled: the provider's mapping with this connection's deviations.",
        tag="Settings",
        responses={200: (MappingSerializer, examples.MAPPINGS)},
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        rules = [
            {"resource": resource.name, **asdict(rule)}
            for resource in self.provider.resources
            for rule in services.field_rules(self.connection, resource.name)
        ]
        return Response(MappingSerializer({"mappings": rules}).data)

    @operation(
        "Replace the deviations",
        "The fields listed deviate from the provider's mapping, all others follow it; an empty list returns to the provider's."
        " Every mistake is named, and then nothing is saved.",
        tag="Settings",
        request=DeviationsSerializer,
        responses={200: (MappingSerializer, examples.MAPPINGS)},
        sent=examples.DEVIATIONS,
    )
    def put(self, request: Request, **kwargs: Any) -> Response:
        wanted = body(DeviationsSerializer, request)["mappings"]
        if errors := _replace_deviations(self.connection, self.provider, wanted):
            raise _invalid(errors)
        return self.get(request)


def _replace_deviations(connection: Connection, provider: Provider, wanted: list[dict[str, Any]]) -> Errors:
    """Make these the connection's only deviations. Every mistake, and then nothing is changed."""
    places = {(one["resource"], one["field"]): index for index, one in enumerate(wanted)}
    errors = [
        {"pointer": f"/mappings/{index}", "detail": "This field stands here twice."}
        for index, one in enumerate(wanted)
        if places[one["resource"], one["field"]] != index
    ]
    known = [resource.name for resource in provider.resources]
    errors += [
        {
            "pointer": f"/mappings/{index}/resource",
            "detail": f"There is no such resource. There is: {', '.join(known)}.",
        }
        for index, one in enumerate(wanted)
        if one["resource"] not in known
    ]
    with transaction.atomic():
        for resource in known:
            kept = {rule.field: None for rule in services.field_rules(connection, resource) if rule.overridden}
            changes = {one["field"]: _deviation(one) for one in wanted if one["resource"] == resource}
            try:
                services.save_field_rules(connection, resource, {**kept, **changes})
            except services.MappingRefused as refused:
                errors += [
                    {"pointer": f"/mappings/{places.get((resource, field), '')}".rstrip("/"), "detail": reason}
                    for field, reason in refused.reasons.items()
                ]
        transaction.set_rollback(bool(errors))
    return errors


def _deviation(asked: dict[str, Any]) -> dict[str, Any]:
    return {part: asked[part] for part in ("source", "owner", "write") if asked.get(part) is not None}


def _invalid(errors: list[dict[str, str]]) -> Problem:
    return Problem(400, "The request is not valid.", kind="invalid", errors=errors)
