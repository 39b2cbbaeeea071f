"""A chapter's admin, with the marketplace in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, include, path

from integrations import hub
from integrations.sites import CarefulSite

from .faces import Face, View


class ChapterSite(CarefulSite):
    """The default site: what registers itself with Django's decorator lands here. It opens only inside a chapter."""

    site_header = site_title = "Chapterhouse"
    index_title = "Your chapter"
    index_template = "marketplace/admin_index.html"
    site_url = "/marketplace/"

    def has_permission(self, request: HttpRequest) -> bool:
        return hub.current() is not None and super().has_permission(request)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        chapter = getattr(request, "chapter", None)
        return {**super().each_context(request), "site_header": chapter.name if chapter else self.site_header}

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """The marketplace at `/admin/marketplace/`, before the site's own catch-all."""
        from .urls import pages

        inside = include((pages(ADMIN), "marketplace"), namespace="marketplace")
        return [path("marketplace/", inside), *super().get_urls()]


def _guard(view: View) -> View:
    """Late: the site is made by the app registry, after this module is read."""
    return admin.site.admin_view(view)


def _surroundings(request: HttpRequest) -> Mapping[str, Any]:
    return admin.site.each_context(request)


ADMIN = Face(
    namespace="admin:marketplace",
    base="marketplace/admin_base.html",
    guard=_guard,
    surroundings=_surroundings,
)
