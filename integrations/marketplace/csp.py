"""Content-Security-Policy on every response.

Django 6.0 brings this middleware itself (`SECURE_CSP`, `csp_override`); these forty lines have its names and its settings'
shape, so that they go when we move there. django-csp would do the same with nonces and reports that no page needs: nothing
here is inline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

HEADER = "Content-Security-Policy"
Policy = Mapping[str, Sequence[str]]


def build(policy: Policy) -> str:
    """`{"img-src": ["'self'", "data:"]}` -> `img-src 'self' data:`."""
    return "; ".join(f"{name} {' '.join(sources)}".strip() for name, sources in policy.items())


def csp_override(**sources: Sequence[str]) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """A view whose page needs more than SECURE_CSP allows: `@csp_override(img_src=["'self'", "data:"])`.

    Only the named directives are replaced. Say beside it why the page needs them.
    """
    policy = {**settings.SECURE_CSP, **{name.replace("_", "-"): value for name, value in sources.items()}}

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            response = view(request, *args, **kwargs)
            response.headers[HEADER] = build(policy)
            return response

        return page

    return decorate


class ContentSecurityPolicyMiddleware:
    """Adds SECURE_CSP to every response that does not carry a policy of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.policy = build(settings.SECURE_CSP)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # Django's debug pages style themselves inline; they exist on a developer's machine only.
        if not (settings.DEBUG and response.status_code in {404, 500}):
            response.headers.setdefault(HEADER, self.policy)
        return response
