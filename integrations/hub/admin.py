"""The hub operator's pages: chapters, vendor apps, jobs and dead letters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST
from django_celery_beat.admin import PeriodicTaskAdmin
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from integrations import registry

from . import webhook_secrets
from .admin_site import site
from .jobs import dead_letters
from .models import Chapter, DeadLetter, Domain, InboxDelivery, Job, ProviderApp

# django-celery-beat puts its tables on the default admin, which is the chapters': schedules are the hub's alone.
admin.site.unregister([PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule])
site.register(PeriodicTask, PeriodicTaskAdmin)
site.register(User, UserAdmin)
site.register(Group, GroupAdmin)


def confirm(request: HttpRequest, page: admin.ModelAdmin, question: str, rows: QuerySet[Any]) -> HttpResponse:
    """A page that asks before an action is done: sent again with `confirmed`, it is."""
    context = {
        **page.admin_site.each_context(request),
        "title": question,
        "opts": page.opts,
        "rows": rows,
        "action": request.POST["action"],
    }
    return TemplateResponse(request, "admin/hub/confirm.html", context)


def log_changes(request: HttpRequest, rows: list[Any], what: str) -> None:
    """What an operator did to many rows, in the admin's history."""
    LogEntry.objects.log_actions(user_id=request.user.pk, queryset=rows, action_flag=CHANGE, change_message=what)


class ChapterOfJob(admin.SimpleListFilter):
    """Jobs hold a chapter's id and no foreign key, since they outlive it."""

    title = "chapter"
    parameter_name = "chapter"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> Iterable[tuple[str, str]]:
        return [(str(pk), name) for pk, name in Chapter.objects.values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(chapter_id=self.value()) if self.value() else queryset


class Jobs(admin.ModelAdmin):
    """Jobs are read here, never written."""

    show_full_result_count = False
    search_fields: ClassVar = ["=id", "kind", "key", "last_error"]
    readonly_fields: ClassVar = ["chapter"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        names = Chapter.objects.filter(pk=OuterRef("chapter_id")).values("name")
        return super().get_queryset(request).annotate(chapter_name=Subquery(names))

    @admin.display(description="Chapter", ordering="chapter_name")
    def chapter(self, row: Any) -> str:
        return row.chapter_name or ("Hub" if row.chapter_id.int == 0 else str(row.chapter_id))

    @admin.display(description="Reason")
    def reason(self, row: Job) -> str:
        return row.last_error[:200]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


@admin.register(Job, site=site)
class JobAdmin(Jobs):
    list_display: ClassVar = ["id", "kind", "key", "chapter", "state", "attempts", "run_at", "lease_until", "reason"]
    list_filter: ClassVar = ["state", "kind", ChapterOfJob]
    ordering: ClassVar = ["-id"]
    fields: ClassVar = [
        "chapter", "kind", "key", "state", "last_error", "payload", "priority", ("attempts", "max_attempts"),
        ("created_at", "run_at"), ("started_at", "lease_until", "finished_at"),
    ]  # fmt: skip


@admin.register(DeadLetter, site=site)
class DeadLetterAdmin(Jobs):
    list_display: ClassVar = ["id", "kind", "chapter", "reason", "finished_at", "attempts"]
    list_filter: ClassVar = ["kind", ChapterOfJob]
    ordering: ClassVar = ["-finished_at"]
    fields: ClassVar = [
        "chapter", "kind", "key", "last_error", "payload", ("attempts", "max_attempts"), ("started_at", "finished_at")
    ]  # fmt: skip
    actions: ClassVar = ["replay_selected", "replay_kinds"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(state=Job.State.DEAD)

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("hub.change_deadletter")

    @admin.action(description="Replay the selected dead letters", permissions=["replay"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> None:
        self._replay(request, queryset)

    @admin.action(description="Replay all dead letters of the selected kinds", permissions=["replay"])
    def replay_kinds(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> HttpResponse | None:
        kinds = sorted(set(queryset.values_list("kind", flat=True)))
        every = self.get_queryset(request).filter(kind__in=kinds)
        if "confirmed" not in request.POST:
            question = f"Replay all {every.count()} dead letters of {', '.join(kinds)}?"
            return confirm(request, self, question, queryset.order_by("kind").distinct("kind"))
        self._replay(request, every)
        return None

    def get_urls(self) -> list[URLPattern]:
        one = self.admin_site.admin_view(require_POST(self.replay_one))
        return [path("<int:pk>/replay/", one, name="hub_deadletter_replay"), *super().get_urls()]

    def replay_one(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_replay_permission(request):
            raise PermissionDenied
        self._replay(request, self.get_queryset(request).filter(pk=pk))
        return redirect(reverse("hub:hub_deadletter_changelist"))

    def _replay(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> None:
        found = list(letters)
        log_changes(request, found, "Replayed")
        dead_letters.replay_all(letter.pk for letter in found)
        messages.success(request, f"Ready to run again: {len(found)}.")


class Domains(admin.TabularInline):
    model = Domain
    extra = 0


@admin.register(Chapter, site=site)
class ChapterAdmin(admin.ModelAdmin):
    """Chapters are made by `manage.py createchapter` and never deleted here; suspending one closes its every door."""

    list_display: ClassVar = ["name", "slug", "status", "country", "base_currency", "created_at"]
    list_filter: ClassVar = ["status", "country"]
    search_fields: ClassVar = ["name", "slug"]
    fields: ClassVar = ["name", "slug", "status", "country", "base_currency", "timezone", "schema_name", "created_at"]
    readonly_fields: ClassVar = ["slug", "status", "schema_name", "created_at"]
    inlines: ClassVar = [Domains]
    actions: ClassVar = ["suspend", "activate"]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Not by the keys: a list narrowed by a column tells, answer by answer, what stands in it."""
        return not lookup.startswith("data_key") and super().lookup_allowed(lookup, value, request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    @admin.action(description="Suspend the selected chapters", permissions=["change"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Chapter]) -> HttpResponse | None:
        rows = queryset.filter(status=Chapter.Status.ACTIVE)
        if "confirmed" not in request.POST:
            question = "Suspend these chapters? Nobody reaches their pages, and their jobs become dead letters."
            return confirm(request, self, question, rows)
        self._become(request, rows, Chapter.Status.SUSPENDED)
        return None

    @admin.action(description="Activate the selected chapters", permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Chapter]) -> HttpResponse | None:
        rows = queryset.filter(status=Chapter.Status.SUSPENDED)
        if "confirmed" not in request.POST:
            question = (
                "Activate these chapters? Replay their dead letters afterwards to catch up on what was left undone."
            )
            return confirm(request, self, question, rows)
        self._become(request, rows, Chapter.Status.ACTIVE)
        return None

    def _become(self, request: HttpRequest, rows: QuerySet[Chapter], status: Chapter.Status) -> None:
        chapters = list(rows)
        log_changes(request, chapters, f"Now {status.label.lower()}")
        Chapter.objects.filter(pk__in=[chapter.pk for chapter in chapters]).update(status=status)
        messages.success(request, f"Now {status.label.lower()}: {', '.join(map(str, chapters))}.")


class ProviderAppForm(forms.ModelForm):
    """The client secret goes in and never comes out."""

    provider = forms.ChoiceField()
    new_secret = forms.CharField(
        label="Client secret",
        required=False,
        strip=True,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
        help_text="Write-only. Leave it empty to keep the one that is stored.",
    )
    new_webhook_secret = forms.CharField(
        label="Webhook secret",
        required=False,
        strip=True,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
        help_text="What the vendor signs deliveries for all chapters with. Write-only; the one before is taken for a day more.",
    )

    class Meta:
        model = ProviderApp
        fields: ClassVar = ["provider", "environment", "chapter", "client_id"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = {slug: provider.name for slug, provider in registry.all_providers().items()}
        current = self.instance.provider
        self.fields["provider"].choices = [
            *known.items(),
            *([(current, current)] if current not in {"", *known} else []),
        ]

    def clean_new_secret(self) -> str:
        secret: str = self.cleaned_data["new_secret"]
        if not secret and self.instance._state.adding:
            raise forms.ValidationError("A new app needs its client secret, as the vendor gave it.")
        return secret

    def clean(self) -> dict[str, Any]:
        """A secret is told only to the vendor it was entered for."""
        cleaned = super().clean() or self.cleaned_data
        moved = {"provider", "environment"} & set(self.changed_data) and not self.instance._state.adding
        if moved and not cleaned.get("new_secret"):
            self.add_error(
                "new_secret", "The stored secret belongs to another vendor or environment: enter this one's."
            )
        return cleaned

    def save(self, commit: bool = True) -> ProviderApp:
        if secret := self.cleaned_data["new_secret"]:
            self.instance.client_secret = secret
        if secret := self.cleaned_data["new_webhook_secret"]:
            webhook_secrets.put(self.instance, secret)
        app: ProviderApp = super().save(commit)
        return app


@admin.register(ProviderApp, site=site)
class ProviderAppAdmin(admin.ModelAdmin):
    form = ProviderAppForm
    fields: ClassVar = ["provider", "environment", "chapter", "client_id", "new_secret", "new_webhook_secret"]
    list_display: ClassVar = ["provider", "environment", "owner", "client_id", "masked", "created_at"]
    list_filter: ClassVar = ["provider", "environment"]
    list_select_related: ClassVar = ["chapter"]

    @admin.display(description="Owner", ordering="chapter")
    def owner(self, row: ProviderApp) -> str:
        return str(row.chapter or "Hub")

    @admin.display(description="Client secret")
    def masked(self, row: ProviderApp) -> str:
        return "•" * 8


@admin.register(InboxDelivery, site=site)
class InboxDeliveryAdmin(admin.ModelAdmin):
    """What vendors delivered and no chapter has taken: nothing, but for moments and for what cannot be read."""

    list_display: ClassVar = ["received_at", "provider", "chapter", "verified", "problem"]
    list_filter: ClassVar = ["provider", "verified"]
    list_select_related: ClassVar = ["chapter"]
    fields: ClassVar = ["received_at", "provider", "chapter", "connection_id", "headers", "verified", "problem"]
    readonly_fields: ClassVar = fields
    ordering: ClassVar = ["-id"]
    show_full_result_count = False
    actions: ClassVar = ["try_again"]

    @admin.action(description="Read the selected deliveries again", permissions=["view"])
    def try_again(self, request: HttpRequest, rows: QuerySet[InboxDelivery]) -> None:
        """The next tick finds them."""
        number = rows.exclude(problem="").update(problem="")
        self.message_user(request, f"{number} will be read again within seconds.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboxDelivery]:
        return super().get_queryset(request).defer("body")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False
