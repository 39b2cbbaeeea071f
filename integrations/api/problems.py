"""Every error of the API is a problem document (RFC 9457): never HTML, never a stack trace, never a secret."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.response import Response

from integrations.provider.errors import AuthExpired, ProviderError, RateLimited, Temporary

CONTENT_TYPE = "application/problem+json"
PREFIX = "/api/"

Errors = list[dict[str, str]]


class Problem(exceptions.APIException):
    """An answer that is a problem. `kind` names it for programs (`urn:chapterhouse:problem:<kind>`), `errors` lists what is
    wrong where (`detail` with `pointer`, `parameter` or `header`), `extra` is added to the document."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str = "",
        errors: Iterable[Mapping[str, str]] = (),
        extra: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.status_code = status
        self.kind = kind
        self.errors: Errors = [dict(error) for error in errors]
        self.extra = dict(extra or {})
        self.wait = retry_after


def document(
    *,
    status: int,
    detail: str,
    instance: str,
    kind: str = "",
    errors: Errors | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "type": f"urn:chapterhouse:problem:{kind}" if kind else "about:blank",
        "title": kind.replace("-", " ").capitalize() if kind else HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
        "errors": errors or [],
        **(extra or {}),
    }


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's hook. What is not known here is raised on, logged by Django, and becomes a 500 in ProblemMiddleware."""
    problem = _problem(exc)
    if problem is None:
        return None
    response = Response(
        document(
            status=problem.status_code,
            detail=str(problem.detail),
            instance=context["request"].path,
            kind=problem.kind,
            errors=problem.errors,
            extra=problem.extra,
        ),
        status=problem.status_code,
        content_type=CONTENT_TYPE,
    )
    if header := getattr(exc, "auth_header", None):
        response["WWW-Authenticate"] = header
    if problem.wait is not None:
        response["Retry-After"] = str(max(1, round(problem.wait)))
    return response


def _problem(exc: Exception) -> Problem | None:
    if isinstance(exc, Problem):
        return exc
    if isinstance(exc, Http404):
        return Problem(404, "There is nothing here.")
    if isinstance(exc, PermissionDenied):
        return Problem(403, "You may not do this.")
    if isinstance(exc, exceptions.ValidationError):
        return Problem(400, "The request is not valid.", kind="invalid", errors=flatten(exc.detail))
    if isinstance(exc, exceptions.APIException):
        return Problem(exc.status_code, str(exc.detail), retry_after=getattr(exc, "wait", None))
    if isinstance(exc, ProviderError):
        return _from_vendor(exc)
    return None


def _from_vendor(exc: ProviderError) -> Problem:
    """What a vendor refused, in the words the door wrote for people."""
    if isinstance(exc, AuthExpired):
        return Problem(409, str(exc), kind="reconnect-needed")
    if isinstance(exc, RateLimited):
        return Problem(429, str(exc), kind="vendor-busy", retry_after=exc.retry_after)
    if isinstance(exc, Temporary):
        return Problem(502, str(exc), kind="vendor-unavailable", extra={"outcome_unknown": exc.outcome_unknown})
    return Problem(422, str(exc), kind="vendor-refused")


def flatten(detail: Any, pointer: str = "") -> Errors:
    """DRF's nested error lists -> one entry per mistake, with a JSON Pointer to what is wrong ("" is the whole body)."""
    if isinstance(detail, Mapping):
        found: Errors = []
        for name, inner in detail.items():
            whole = name == "non_field_errors"
            step = "" if whole else "/" + str(name).replace("~", "~0").replace("/", "~1")
            found += flatten(inner, pointer + step)
        return found
    if isinstance(detail, list) and any(isinstance(item, (Mapping, list)) for item in detail):
        return [error for index, item in enumerate(detail) for error in flatten(item, f"{pointer}/{index}")]
    sentences = detail if isinstance(detail, list) else [detail]
    return [{"pointer": pointer, "detail": str(sentence)} for sentence in sentences]


def in_parameters(errors: Errors) -> Errors:
    """The same mistakes, found in the query string instead of the body."""
    return [{"parameter": error["pointer"].lstrip("/"), "detail": error["detail"]} for error in errors]


class ProblemMiddleware:
    """Outermost: whatever else answers below /api/ with an error (an unknown address or chapter, a refused host, an
    exception nobody expected) becomes a problem document, in debug mode too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not request.path_info.startswith(PREFIX) or response.status_code < 400:
            return response
        if response.headers.get("Content-Type") == CONTENT_TYPE:
            return response
        problem = document(
            status=response.status_code, detail=_sentence(response.status_code), instance=request.path_info
        )
        kept = {name: response[name] for name in ("Allow", "Retry-After") if name in response}
        return HttpResponse(json.dumps(problem), status=response.status_code, content_type=CONTENT_TYPE, headers=kept)


def _sentence(status: int) -> str:
    if status >= 500:
        return "Something went wrong on our side. It has been recorded; trying again later may help."
    if status == 404:
        return "There is nothing at this address."
    return f"{HTTPStatus(status).phrase}."
