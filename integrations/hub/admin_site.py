"""The hub's own admin, for the operator: it stands on the hub's host only, and shows nothing that belongs to a chapter."""

from __future__ import annotations

from django.http import HttpRequest

from integrations.sites import CarefulSite

from . import tenancy


class HubAdminSite(CarefulSite):
    site_title = "Chapterhouse hub"
    site_header = "Chapterhouse hub"
    index_title = "What all chapters share"
    site_url = None

    def has_permission(self, request: HttpRequest) -> bool:
        """A user of the hub, in the hub: whoever is staff of a chapter is nobody here."""
        return tenancy.current() is None and super().has_permission(request)


site = HubAdminSite(name="hub")
