from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from integrations import roles
from integrations.matching.admin import MergeableAdmin
from integrations.readonly import ReadOnlyAdmin, ReadOnlyInline

from .models import Audience, Member, MemberConsent, Tag

_ADDRESS = ("locality", "region", "postcode", "country")


class MemberForm(forms.ModelForm):
    """The address in fields of its own; what it holds besides them is kept."""

    lines = forms.CharField(
        label="Street", required=False, max_length=1500, widget=forms.Textarea(attrs={"rows": 2, "cols": 40})
    )
    locality = forms.CharField(label="Suburb or town", required=False, max_length=500)
    region = forms.CharField(label="State or county", required=False, max_length=500)
    postcode = forms.CharField(required=False, max_length=500)
    country = forms.RegexField(
        r"^[A-Z]{2}$", label="Country code", required=False, help_text="Two letters, such as AU."
    )

    class Meta:
        model = Member
        fields: ClassVar = [
            "member_number", "display_name", "given_name", "family_name", "email", "phone", "status", "join_date",
            "birth_date", "locale", "tags",
        ]  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        address = self.instance.address or {}
        self.initial |= {name: address.get(name) or "" for name in _ADDRESS}
        self.initial["lines"] = "\n".join(address.get("lines") or [])

    def clean_member_number(self) -> str | None:
        """No number is no number: two empty ones would be the same."""
        return self.cleaned_data["member_number"] or None

    def clean_email(self) -> str:
        """In small letters, as records from elsewhere have it: they are matched by it."""
        return str(self.cleaned_data["email"]).lower()

    def save(self, commit: bool = True) -> Member:
        """Counts the change, as every change of a synced row is counted."""
        if {"lines", *_ADDRESS} & set(self.changed_data):
            typed = {name: self.cleaned_data[name] or None for name in _ADDRESS}
            lines = [line.strip() for line in self.cleaned_data["lines"].splitlines() if line.strip()]
            self.instance.address = {"label": "home", **(self.instance.address or {}), **typed, "lines": lines}
        if self.changed_data and not self.instance._state.adding:
            self.instance.version += 1
        return super().save(commit)


class Consents(ReadOnlyInline):
    """What each system says the person allowed: changed there, not here."""

    model = MemberConsent
    fields: ClassVar = ["channel", "purpose", "state", "captured_at"]


@admin.register(Member)
class MemberAdmin(MergeableAdmin):
    form = MemberForm
    list_display: ClassVar = ["display_name", "member_number", "email", "phone", "status", "join_date"]
    list_filter: ClassVar = ["status", "join_date"]
    search_fields: ClassVar = ["display_name", "email", "=member_number", "phone"]
    date_hierarchy = "join_date"
    show_full_result_count = False
    list_per_page = 50
    inlines: ClassVar = [Consents]
    actions: ClassVar = ["merge"]
    fieldsets: ClassVar = [
        (None, {"fields": ["display_name", ("given_name", "family_name"), "member_number", "status"]}),
        ("Reach", {"fields": ["email", "phone", "lines", ("locality", "region"), ("postcode", "country"), "locale"]}),
        ("Dates and tags", {"fields": ["join_date", "birth_date", "tags"]}),
    ]

    def has_merge_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(roles.MERGE))

    @admin.action(description="Merge two members…", permissions=["merge"])
    def merge(self, request: HttpRequest, queryset: QuerySet[Member]) -> HttpResponse | None:
        """To the page that shows what would happen; the one known longer is proposed to be kept."""
        chosen = list(queryset.order_by("created_at", "pk").values_list("pk", flat=True)[:3])
        if len(chosen) != 2:
            messages.warning(request, "Choose exactly two members to merge.")
            return None
        asked = {"target": "members.member", "kept": chosen[0], "merged": chosen[1]}
        return redirect(f"{reverse('admin:marketplace:merge')}?{urlencode(asked)}")


@admin.register(Audience)
class AudienceAdmin(ReadOnlyAdmin):
    list_display: ClassVar = ["name", "key", "size", "listed_at"]
    search_fields: ClassVar = ["name", "key"]
    fields: ClassVar = ["name", "key", "size", "listed_at", "created_at", "updated_at"]


@admin.register(Tag)
class TagAdmin(ReadOnlyAdmin):
    list_display: ClassVar = ["name", "size"]
    search_fields: ClassVar = ["name"]
    fields: ClassVar = ["name", "size", "created_at", "updated_at"]
