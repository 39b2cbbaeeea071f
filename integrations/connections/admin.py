from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from integrations.marketplace.summaries import summary, with_activity
from integrations.readonly import OfConnectionAdmin
from integrations.registry import get

from .models import Connection


@admin.register(Connection)
class ConnectionAdmin(OfConnectionAdmin):
    """Read only: the marketplace connects, tests and disconnects. The credential is on no page."""

    provider_path = "provider"
    list_select_related: ClassVar = ["connected_by"]
    list_display: ClassVar = ["name", "provider_name", "environment", "state", "account_name", "open_page"]
    list_filter: ClassVar = ["status", "environment", "provider"]
    search_fields: ClassVar = ["name", "account_name", "provider"]
    fields: ClassVar = [
        "open_page", "name", "provider_name", "environment", "state", "status_since", "last_error", "account_name",
        "account_id", "connected_at", "connected_by", "last_sync_at",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_activity(super().get_queryset(request))

    @admin.display(description="Provider", ordering="provider")
    def provider_name(self, row: Connection) -> str:
        return get(row.provider).name

    @admin.display(description="State", ordering="status")
    def state(self, row: Connection) -> str:
        return summary(row, get(row.provider)).state.sentence()

    @admin.display(description="In the marketplace")
    def open_page(self, row: Connection) -> str:
        return format_html('<a href="{}">Open</a>', reverse("admin:marketplace:connection", args=[row.pk]))
