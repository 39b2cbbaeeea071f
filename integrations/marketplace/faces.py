"""Where the marketplace is seen: on the staff pages, and inside the admin. The same views and templates serve both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache
from django_htmx.http import HttpResponseClientRedirect

View = Callable[..., HttpResponse]


@dataclass(frozen=True, kw_only=True)
class Face:
    """`base` is the template its pages stand in, `namespace` where its URLs are named; `surroundings` is what the base needs,
    and `guard` wraps every view with what is asked there beyond signing in."""

    namespace: str
    base: str
    guard: Callable[[View], View] = lambda view: view
    surroundings: Callable[[HttpRequest], Mapping[str, Any]] = lambda _request: {}

    def url(self, page: str, *args: object) -> str:
        return reverse(f"{self.namespace}:{page}", args=args)

    def page(self, view: View) -> View:
        """The view, on this face, for people who have signed in. Never cached: others may use the browser after them."""
        return never_cache(self.part(view))

    def part(self, view: View) -> View:
        """As `page`, for what the browser may keep."""
        guarded = self.guard(view)

        @wraps(view)
        def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return _sign_in(request)
            request.face = self  # type: ignore[attr-defined]
            return guarded(request, *args, **kwargs)

        return shown


STAFF = Face(namespace="marketplace", base="marketplace/base.html")


def here(request: HttpRequest) -> Face:
    """The face the request came in by."""
    found: Face = request.face  # type: ignore[attr-defined]
    return found


def wants_part(request: HttpRequest) -> bool:
    """Whether a part of a page is asked for, by a page that is already shown."""
    return bool(request.htmx) and not request.htmx.history_restore_request  # type: ignore[attr-defined]


def show(request: HttpRequest, template: str, context: Mapping[str, Any], status: int = 200) -> HttpResponse:
    """Render the template on the request's face. A part and its whole page have one address: caches are told."""
    face = here(request)
    response = render(request, template, {**face.surroundings(request), "face": face, **context}, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _sign_in(request: HttpRequest) -> HttpResponse:
    """A live part of a page cannot show the sign-in form: it sends the whole page there, and back to where it was."""
    if wants_part(request):
        back = request.htmx.current_url_abs_path or request.get_full_path()  # type: ignore[attr-defined]
        return HttpResponseClientRedirect(redirect_to_login(back).url)
    return redirect_to_login(request.get_full_path())
