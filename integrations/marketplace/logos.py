"""The providers' marks: `providers/<slug>/logo.svg`, or a monogram drawn by the template where there is none."""

from __future__ import annotations

import hashlib
from functools import cache

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import condition, require_safe

from integrations import registry

from . import csp

# An SVG opened by itself is a document: it may run nothing and load nothing, and style only itself.
_POLICY = csp.build({"default-src": ["'none'"], "style-src": ["'unsafe-inline'"], "sandbox": []})


@cache
def logo_of(slug: str) -> bytes | None:
    """The SVG of a declared provider; None where it has none. The slug is looked up, never joined to a path unseen."""
    if slug not in registry.all_providers():
        return None
    path = registry.folder(slug) / "logo.svg"
    return path.read_bytes() if path.is_file() else None


def _etag(request: HttpRequest, slug: str) -> str | None:
    drawn = logo_of(slug)
    return f'"{hashlib.blake2b(drawn, digest_size=8).hexdigest()}"' if drawn else None


@require_safe
@condition(etag_func=_etag)
@cache_control(private=True, max_age=86_400)
def logo(request: HttpRequest, slug: str) -> HttpResponse:
    drawn = logo_of(slug)
    if drawn is None:
        raise Http404("No logo")
    return HttpResponse(drawn, content_type="image/svg+xml", headers={csp.HEADER: _POLICY})


def monogram(name: str) -> str:
    """One or two letters: `X` for Xero, `GF` for GoFundMe Pro's kin."""
    words = [word for word in name.split() if word[:1].isalnum()]
    return "".join(word[0] for word in words[:2]).upper() or "?"
