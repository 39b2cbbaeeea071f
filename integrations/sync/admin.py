from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from integrations.readonly import OfConnectionAdmin

from .models import QuarantinedRecord, RecordLink, SyncRun


@admin.register(SyncRun)
class SyncRunAdmin(OfConnectionAdmin):
    list_display: ClassVar = [
        "resource", "connection", "state", "trigger", "fetched", "created", "updated", "quarantined", "created_at",
    ]  # fmt: skip
    list_filter: ClassVar = ["state", "trigger", "connection"]
    search_fields: ClassVar = ["resource", "connection__name", "message"]
    date_hierarchy = "created_at"
    list_select_related: ClassVar = ["connection", "triggered_by"]
    fields: ClassVar = [
        "open_page", "connection", "resource", "state", "trigger", "triggered_by", "full", "plan_only", "message", "total",
        "fetched", "created", "updated", "unchanged", "deleted", "quarantined", "held", "sent", "refused", "conflicts", "pages",
        "created_at", "started_at", "resumes_at", "finished_at",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncRun]:
        """Without the plans, which are large and have a page of their own."""
        return super().get_queryset(request).defer("plan")

    @admin.display(description="In the marketplace")
    def open_page(self, row: SyncRun) -> str:
        return format_html('<a href="{}">Open</a>', reverse("admin:marketplace:run", args=[row.pk]))


@admin.register(QuarantinedRecord)
class QuarantinedRecordAdmin(OfConnectionAdmin):
    """What was set aside, with every reason; the record itself only on its own page."""

    list_display: ClassVar = ["external_id", "resource", "connection", "why", "created_at", "resolved_at"]
    list_filter: ClassVar = [("resolved_at", admin.EmptyFieldListFilter), "resource", "connection"]
    search_fields: ClassVar = ["external_id", "resource"]
    date_hierarchy = "created_at"
    fields: ClassVar = [
        "connection", "resource", "external_id", "why", "body", "run", "created_at", "tries", "tried_at", "resolved_at",
        "dismissed_because", "dismissed_by",
    ]  # fmt: skip

    @admin.display(description="Why")
    def why(self, row: QuarantinedRecord) -> str:
        return "; ".join(f"{reason.get('field') or 'record'}: {reason.get('message', '')}" for reason in row.reasons)


@admin.register(RecordLink)
class RecordLinkAdmin(OfConnectionAdmin):
    list_display: ClassVar = ["external_id", "resource", "connection", "target", "match", "state", "last_changed"]
    list_filter: ClassVar = ["state", "match", "target", "connection"]
    search_fields: ClassVar = ["=external_id", "=record_id"]
    fields: ClassVar = [
        "connection", "resource", "external_id", "target", "record_id", "match", "state", "first_seen", "last_changed",
    ]  # fmt: skip
