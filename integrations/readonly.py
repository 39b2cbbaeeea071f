"""Admin pages for what nobody edits by hand: histories, links, and rows that another system owns."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from . import roles


class ReadOnlyAdmin(admin.ModelAdmin):
    """Seen by whoever has the view permission; added, changed and deleted by nobody."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class UsableConnections(admin.RelatedFieldListFilter):
    """Offers the names of the connections whose rows the person sees, and no others."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        usable = {"provider__in": roles.usable_providers(request.user)}
        choices: list[tuple[str, str]] = field.get_choices(include_blank=False, limit_choices_to=usable)
        return choices


class OfConnectionAdmin(ReadOnlyAdmin):
    """Rows of connections: a person sees those of the kinds of provider that their roles work with."""

    provider_path: ClassVar[str] = "connection__provider"
    list_select_related: ClassVar[Any] = ["connection"]

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [("connection", UsableConnections) if one == "connection" else one for one in self.list_filter]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        usable = roles.usable_providers(request.user)
        return super().get_queryset(request).filter(**{f"{self.provider_path}__in": usable})


class ReadOnlyInline(admin.TabularInline):
    """Rows below their parent, as they are."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
