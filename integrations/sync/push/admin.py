from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

from integrations.readonly import OfConnectionAdmin

from .models import OutboundWrite


@admin.register(OutboundWrite)
class OutboundWriteAdmin(OfConnectionAdmin):
    """What went out, when, and what came of it; never what was in it."""

    list_display: ClassVar = [
        "external_id",
        "op",
        "resource",
        "connection",
        "state",
        "attempts",
        "created_at",
        "sent_at",
    ]
    list_filter: ClassVar = ["state", "op", "resource", "connection"]
    search_fields: ClassVar = ["=external_id", "=record_id", "=key"]
    date_hierarchy = "created_at"
    fields: ClassVar = [
        "open_page", "connection", "resource", "op", "state", "external_id", "record_id", "version", "key", "body_hash",
        "attempts", "answer", "run", "created_at", "sent_at", "finished_at",
    ]  # fmt: skip

    @admin.display(description="In the marketplace")
    def open_page(self, row: OutboundWrite) -> str:
        address = reverse("admin:marketplace:sending_kind", args=[row.connection_id, row.resource])
        return format_html('<a href="{}">Open</a>', address)
