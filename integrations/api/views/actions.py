"""What a provider can be asked to do."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api import examples
from integrations.api.addressing import ConnectionView
from integrations.api.idempotency import once
from integrations.api.openapi import operation
from integrations.api.problems import Problem
from integrations.api.queries import body
from integrations.api.serializers.records import ActionAnswerSerializer, ActionRequestSerializer
from integrations.http import open_door
from integrations.json_schema import mistakes
from integrations.provider import Action

from .records import IDEMPOTENCY_KEY


class RunAction(ConnectionView):
    scopes = {"POST": "actions:run"}
    asks_the_vendor = True

    @operation(
        "Run an action",
        "The input is checked against the action's JSON Schema (see the integration's `actions`). An irreversible one wants"
        " `confirm` as well.",
        tag="Actions",
        request=ActionRequestSerializer,
        parameters=[IDEMPOTENCY_KEY],
        responses={200: (ActionAnswerSerializer, examples.ACTION_ANSWER)},
        sent=examples.ACTION,
    )
    def post(self, request: Request, *, action: str, **kwargs: Any) -> Response:
        wanted = self._action(action)
        asked = body(ActionRequestSerializer, request)
        if errors := mistakes(wanted.input, asked["input"]):
            raise Problem(
                400,
                "The request is not valid.",
                kind="invalid",
                errors=[{**error, "pointer": "/input" + error["pointer"]} for error in errors],
            )
        if wanted.irreversible and not asked["confirm"]:
            raise Problem(
                409,
                f"'{wanted.label}' cannot be undone: send `confirm` as true.",
                kind="confirmation-needed",
            )
        connection = self.live_connection()

        def run(vendor_key: str) -> tuple[int, dict[str, Any]]:
            given = asked["input"]
            if "idempotency_key" in wanted.input.get("properties", {}):
                given = {"idempotency_key": vendor_key, **given}
            with open_door(connection) as door:
                return 200, {"result": dict(wanted.run(door, given))}

        return once(request, run)

    def _action(self, name: str) -> Action:
        found = {action.name: action for action in self.provider.actions}
        if name not in found:
            known = f"It has: {', '.join(found)}." if found else "It has none."
            raise Problem(404, f"{self.provider.name} has no action '{name}'. {known}")
        return found[name]
