from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

from integrations.readonly import ReadOnlyAdmin

from .models import Endpoint


@admin.register(Endpoint)
class EndpointAdmin(ReadOnlyAdmin):
    """What is sent where; everything else is on its page in the marketplace."""

    list_display: ClassVar = [
        "url",
        "description",
        "asks_for",
        "enabled",
        "last_success_at",
        "failing_since",
        "open_page",
    ]
    list_filter: ClassVar = ["enabled"]
    search_fields: ClassVar = ["url", "description"]
    fields: ClassVar = [
        "open_page", "url", "description", "asks_for", "filter", "version", "enabled", "disabled_because", "failing_since",
        "last_success_at", "last_failure_at", "created_at",
    ]  # fmt: skip

    @admin.display(description="Events")
    def asks_for(self, row: Endpoint) -> str:
        return ", ".join(row.events)

    @admin.display(description="In the marketplace")
    def open_page(self, row: Endpoint) -> str:
        return format_html('<a href="{}">Open</a>', reverse("admin:marketplace:webhook", args=[row.pk]))
