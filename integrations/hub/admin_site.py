"""The hub's own admin, for the operator: it stands on the hub's host only, and shows nothing that belongs to a chapter."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver

from . import tenancy


class HubAdminSite(AdminSite):
    site_title = "Chapterhouse hub"
    site_header = "Chapterhouse hub"
    index_title = "What all chapters share"
    site_url = None

    def has_permission(self, request: HttpRequest) -> bool:
        """A user of the hub, in the hub: whoever is staff of a chapter is nobody here."""
        return tenancy.current() is None and super().has_permission(request)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Without "view on site": it would look for any row of any table, and nothing here has a page of its own."""
        return [url for url in super().get_urls() if getattr(url, "name", "") != "view_on_site"]


site = HubAdminSite(name="hub")
