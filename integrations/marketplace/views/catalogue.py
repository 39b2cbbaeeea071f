"""What there is to connect."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from integrations import roles
from integrations.marketplace import access, facts, words
from integrations.marketplace.catalogue import ALL, FILTERS, Search
from integrations.marketplace.catalogue import catalogue as read_catalogue
from integrations.marketplace.faces import show, wants_part
from integrations.marketplace.summaries import summaries


@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    """Every provider by category. Searching as you type asks for the results alone."""
    access.require_any_role(request.user)
    search = Search.read(request.GET)
    found = read_catalogue(request.user, search)
    context = {
        "catalogue": found,
        "search": search,
        "filters": [(name, label, found.counts[name]) for name, label in FILTERS.items()],
        "narrowed": bool(search.text) or search.show != ALL,
    }
    return show(request, "marketplace/_results.html" if wants_part(request) else "marketplace/catalogue.html", context)


@require_safe
def provider(request: HttpRequest, slug: str) -> HttpResponse:
    """All about one provider, and the chapter's connections to it."""
    access.require_any_role(request.user)
    found = access.provider_or_404(slug)
    return show(
        request,
        "marketplace/provider.html",
        {
            "provider": found,
            "connections": summaries(request.user, provider=slug),
            "resources": facts.resource_rows(found),
            "scopes": [scope for auth in found.auths for scope in getattr(auth, "scopes", ())],
            "ways": [words.sign_in(auth, found) for auth in found.auths],
            "limits": words.limits(found.limits),
            "may_connect": roles.may(request.user, "connect", found),
            "asks": roles.roles_that_may("connect", found),
        },
    )
