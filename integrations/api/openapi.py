"""How the API describes itself: OpenAPI 3.1, with every error as a problem document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from .pagination import DEFAULT_LIMIT, LARGEST_LIMIT
from .problems import CONTENT_TYPE, document
from .serializers.problems import ProblemSerializer
from .view import ApiView

EVERYWHERE = {
    400: "The query, a header or the body is not valid; `errors` names every mistake.",
    401: "No credential, or one that opens nothing in this chapter.",
    403: "The key lacks the scope, or the person's role the permission.",
    406: "Only JSON is served.",
    429: "Asked too often; see Retry-After.",
}
WITH_A_BODY = {413: "The body is too large.", 415: "Only JSON is taken."}
ON_ONE_THING = {404: "There is no such thing in this chapter.", 409: "It is there, but not in a state for this."}
OF_THE_VENDOR = {422: "The vendor refused.", 502: "The vendor does not answer as it should."}

PATH_PARAMETERS: dict[str, tuple[str, str]] = {
    "slug": ("The integration's slug.", "xero"),
    "connection_id": ("The connection's id.", "01980f6e-7d1c-7c3e-b6a1-0b0f0a3d9d11"),
    "resource": ("One of the integration's resources.", "contacts"),
    "record_id": ("Our id of the record.", "01980f6e-8a01-7b11-9c55-3f1f0f6b2a90"),
    "run_id": ("The run's id.", "01980f6e-9b2e-7d4a-8e77-51f0c2aa01de"),
    "set_aside_id": ("The set-aside record's id.", "01980f6e-a1c0-7e55-8f10-2b9a4f7c1d03"),
    "retry_id": ("The retry's id.", "01980f6e-b2d1-7f66-9021-3cab5e8d2e14"),
    "conflict_id": ("The conflict's id.", "01980f6e-9c11-7aa0-9a52-6a5f3b1f7c20"),
    "action": ("One of the integration's actions.", "create_payment_link"),
    "review_id": ("The possible duplicate's id.", "01980f6e-a3c1-7a52-8f11-6d0f0b7c4e21"),
    "merge_id": ("The merge's id.", "01980f6e-b7d4-7e83-9a02-7e1f0c8d5f32"),
    "endpoint_id": ("The webhook's id.", "01980f6e-c9e6-7fa5-8b13-8f2a1d9e6043"),
    "delivery_id": ("The delivery's id.", "01980f6e-d0f7-7ab6-9c24-9a3b2e0f7154"),
    "number": ("The version's number.", "2"),
    "urn": ("The schema's URN.", "urn:canonical:invoice:1.0.0"),
}
PAGED = [
    OpenApiParameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT, "default": DEFAULT_LIMIT},
        description="How many on a page.",
    ),
    OpenApiParameter("cursor", str, description="From the `next` of the page before; opaque."),
]


def operation(
    summary: str,
    description: str,
    *,
    tag: str,
    responses: Mapping[int, tuple[Any, Any]],
    request: Any = None,
    sent: Any = None,
    parameters: list[Any] | None = None,
) -> Callable[[Any], Any]:
    """Describe one method of a view. `responses`: status -> what answers it (None: nothing does), and an example; `sent`: an
    example of the body.

    Problems are added by ApiSchema.
    """
    examples = [
        OpenApiExample("Answer", value=example, response_only=True, status_codes=[str(status)])
        for status, (answer, example) in responses.items()
        if answer is not None
    ]
    if sent is not None:
        examples.append(OpenApiExample("Request", value=sent, request_only=True))
    described: Any = extend_schema(
        summary=summary,
        description=description,
        tags=[tag],
        request=request,
        responses={status: answer for status, (answer, _) in responses.items()},
        parameters=parameters or [],
        examples=examples,
    )
    return described  # type: ignore[no-any-return]


class ApiSchema(AutoSchema):
    """Names operations by their whole address, and says of each which problems it answers with."""

    def get_operation_id(self) -> str:
        steps = self.path.removeprefix("/api/v1/").split("/")
        names = [f"by_{step[1:-1]}" if step.startswith("{") else step for step in steps if step]
        return "_".join([*names, self.method.lower()]).replace("-", "_")

    def _get_response_bodies(self, direction: str = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        if not isinstance(self.view, ApiView):
            return bodies
        for status, meaning in self._problems().items():
            shown = OpenApiExample("Problem", value=document(status=status, detail=meaning, instance=self.path))
            described = OpenApiResponse(ProblemSerializer, meaning, examples=[shown])
            bodies.setdefault(
                str(status), self._get_response_for_code(described, str(status), media_types=[CONTENT_TYPE])
            )
        return dict(sorted(bodies.items()))

    def _problems(self) -> dict[int, str]:
        found = dict(EVERYWHERE)
        if self.method in ("POST", "PUT", "PATCH"):
            found |= WITH_A_BODY
        if "{" in self.path or (self.view.names_things and self.method == "POST"):
            found |= ON_ONE_THING
        if self.view.asks_the_vendor:
            found |= OF_THE_VENDOR
        return found


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = "integrations.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API key of this chapter: `chk_...`."}


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "integrations.api.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "A person signed in to this chapter; writing also needs the X-CSRFToken header.",
        }


def describe_paths(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """drf-spectacular's hook: say what each part of an address is, and give an example."""
    for methods in result["paths"].values():
        for described in methods.values():
            for parameter in described.get("parameters", []):
                if parameter["in"] == "path" and parameter["name"] in PATH_PARAMETERS:
                    parameter["description"], parameter["example"] = PATH_PARAMETERS[parameter["name"]]
    return result
