"""The chapter's people: who may sign in, and with which roles."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import Field, QuerySet
from django.http import HttpRequest

admin.site.unregister(User)


@admin.register(User)
class ChapterUserAdmin(UserAdmin):
    """Roles are given, single permissions are not. Only a superuser touches a superuser, or makes one."""

    list_display: ClassVar = ["username", "full_name", "email", "roles", "is_active", "is_staff", "last_login"]
    list_filter: ClassVar = ["groups", "is_active", "is_staff"]
    filter_horizontal: ClassVar = []
    fieldsets: ClassVar = [
        (None, {"fields": ["username", "password"]}),
        ("Person", {"fields": ["first_name", "last_name", "email"]}),
        ("Access", {"fields": ["groups", "is_active", "is_staff"]}),
        ("Seen", {"fields": ["last_login", "date_joined"]}),
    ]
    readonly_fields: ClassVar = ["last_login", "date_joined"]

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        shown = super().get_fieldsets(request, obj)
        if obj and request.user.is_superuser:
            return [*shown, ("Superuser", {"fields": ["is_superuser"]})]
        return shown

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

    def formfield_for_dbfield(self, field: Field, request: HttpRequest | None, **kwargs: Any) -> Any:
        if field.name == "groups":
            return forms.ModelMultipleChoiceField(
                field.related_model.objects.order_by("name"),
                label="Roles",
                required=False,
                widget=forms.CheckboxSelectMultiple,
                help_text="What this person may do in the chapter.",
            )
        made = super().formfield_for_dbfield(field, request, **kwargs)
        if field.name == "is_staff":
            made.label, made.help_text = "May open the admin", "Without it, only the marketplace pages."
        return made

    @admin.display(description="Name", ordering="last_name")
    def full_name(self, user: User) -> str:
        return user.get_full_name()

    @admin.display(description="Roles")
    def roles(self, user: User) -> str:
        return ", ".join(sorted(group.name for group in user.groups.all()))


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    return user is None or not user.is_superuser or request.user.is_superuser
