"""API keys in the chapter's admin: made once, shown once, revoked, never deleted."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from integrations import roles

from . import keys
from .models import ApiKey
from .scopes import SCOPES


class IssueForm(forms.ModelForm):
    """What a new key is for. Only scopes that the person has themselves can be given."""

    class Meta:
        model = ApiKey
        fields = ("name", "scopes", "expires_at")

    def clean_expires_at(self) -> Any:
        expires_at = self.cleaned_data["expires_at"]
        if expires_at is not None and expires_at <= timezone.now():
            raise forms.ValidationError("This moment has passed: the key would never work.")
        return expires_at


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    list_display = ("name", "prefix", "what_it_may", "state", "last_used_at", "expires_at", "created_by")
    list_select_related = ("created_by",)
    search_fields = ("name", "prefix")
    actions = ("revoke",)
    fields = (
        "name",
        "prefix",
        "what_it_may",
        "state",
        "created_by",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    readonly_fields = fields

    def get_form(self, request: HttpRequest, obj: ApiKey | None = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is not None:
            return super().get_form(request, obj, change, **kwargs)
        given = [(name, scope.label) for name, scope in SCOPES.items() if request.user.has_perm(roles.ACTS[scope.act])]  # type: ignore[union-attr]

        class OwnForm(IssueForm):
            """A field of this request's own: another thread's person may be given other scopes."""

            scopes = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple, choices=given)

        return super().get_form(request, obj, change, **{**kwargs, "form": OwnForm})

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        return self.fields if obj else IssueForm.Meta.fields

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        return self.fields if obj else ()

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Not by the hash: a list narrowed by a column tells, answer by answer, what stands in it."""
        return not lookup.startswith("secret_hash") and super().lookup_allowed(lookup, value, request)

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False  # a revoked key stays, to say who had access until when

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """A new key is issued; an old one has nothing that could be changed."""
        if change:
            return
        wanted = form.cleaned_data
        issued, token = keys.issue(
            name=wanted["name"],
            scopes=wanted["scopes"],
            expires_at=wanted["expires_at"],
            created_by=request.user,  # type: ignore[arg-type]
        )
        obj.pk, obj._state.adding = issued.pk, False
        request.issued_token = token  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """The token, on a page of its own: a message would keep it in a cookie."""
        context = {
            **self.admin_site.each_context(request),
            "title": "API key made",
            "opts": self.opts,
            "key": obj,
            "token": request.issued_token,  # type: ignore[attr-defined]
        }
        response = TemplateResponse(request, "admin/integrations/apikey/issued.html", context)
        response["Cache-Control"] = "no-store"
        return response

    @admin.action(description="Revoke the selected API keys", permissions=["change"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApiKey]) -> None:
        for_ever = keys.revoke(chosen)
        self.message_user(request, f"Revoked: {for_ever}. They open nothing from now on.")

    @admin.display(description="May")
    def what_it_may(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @admin.display(description="State")
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return "revoked"
        return "expired" if key.expires_at and key.expires_at <= timezone.now() else "valid"
