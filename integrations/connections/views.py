"""Where the vendor sends a person back to.

There is one address for all chapters, at the hub, since vendors take a short list of them. But only the chapter's own host
knows the browser's cookie and who is signed in. So the hub looks up which chapter the state belongs to and sends the browser
on to that chapter's domain, never to one named in the request; there the sign-in is finished.
"""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from . import authorisation, states
from .browser import COOKIE
from .errors import ConnectError
from .models import Connection

FINISH = "/oauth/finish"
_PASSED_ON = ("code", "state", "error", "error_description", "scope")
_LONGEST = 4000


@require_GET
@never_cache
def callback(request: HttpRequest) -> HttpResponse:
    """At the hub: on to the chapter that began this. The state is not used up here."""
    state = states.look(request.GET.get("state", ""))
    domain = state.chapter.get_primary_domain() if state else None
    if domain is None:
        return _problem(request, states.REFUSED)
    passed = {name: request.GET[name][:_LONGEST] for name in _PASSED_ON if name in request.GET}
    public = urlsplit(settings.PUBLIC_URL)
    host = domain.domain + (f":{public.port}" if public.port else "")
    return _unreferred(HttpResponseRedirect(f"{public.scheme}://{host}{FINISH}?{urlencode(passed)}"))


@require_GET
@never_cache
@login_required
def finish(request: HttpRequest) -> HttpResponse:
    """At the chapter: the code becomes a connection, and the person goes back to where they began, with `?connection=<id>`:
    it may have had no id yet when they left."""
    try:
        connection, state = authorisation.finish(request.GET.dict(), request.COOKIES.get(COOKIE, ""), request.user)
    except ConnectError as error:
        return _problem(request, error.message)
    return _unreferred(HttpResponseRedirect(_back(state.return_to, connection)))


def _back(return_to: str, connection: Connection) -> str:
    _, _, path, query, fragment = urlsplit(authorisation.local(return_to))
    return urlunsplit(("", "", path, "&".join(filter(None, (query, f"connection={connection.pk}"))), fragment))


def _problem(request: HttpRequest, message: str) -> HttpResponse:
    context = {"message": message, "home": authorisation.HOME if request.path == FINISH else ""}
    return _unreferred(render(request, "connections/oauth_error.html", context, status=400))


def _unreferred(response: HttpResponse) -> HttpResponse:
    """The address holds a code: no page that follows is told it."""
    response["Referrer-Policy"] = "no-referrer"
    return response
