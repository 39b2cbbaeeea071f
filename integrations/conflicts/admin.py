from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from integrations import roles
from integrations.readonly import OfConnectionAdmin

from .models import Conflict


@admin.register(Conflict)
class ConflictAdmin(OfConnectionAdmin):
    """What was asked and decided; the values, and the decision, only on its page in the marketplace."""

    list_display: ClassVar = [
        "field", "resource", "connection", "state", "resolution", "ours_at", "theirs_at", "created_at", "resolved_at",
    ]  # fmt: skip
    list_filter: ClassVar = ["state", "resolution", "connection"]
    search_fields: ClassVar = ["resource", "field", "=record_id"]
    date_hierarchy = "created_at"
    fields: ClassVar = [
        "open_page", "connection", "resource", "field", "part", "state", "resolution", "ours_at", "theirs_at", "run",
        "created_at", "resolved_at",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(target__in=roles.targets_seen_by(request.user))

    @admin.display(description="In the marketplace")
    def open_page(self, row: Conflict) -> str:
        return format_html('<a href="{}">Open</a>', reverse("admin:marketplace:conflict", args=[row.pk]))
