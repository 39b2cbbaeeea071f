"""One row of every table of a place, each carrying the place's canary in its texts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.fields import ArrayField
from django.db import models
from uuid_utils.compat import uuid7

from integrations import registry
from integrations.encryption import EncryptedField

# The same in every schema, made by signing in, or a single row that says when schedules changed: nobody's in particular.
REFERENCE = {
    "contenttypes.ContentType",
    "auth.Permission",
    "sessions.Session",
    "django_celery_beat.PeriodicTasks",
}
NOW = datetime(2026, 2, 1, 3, 0, tzinfo=UTC)


# Columns that need more than a text: table and column -> what the canary makes of it.
SHAPES = {
    "integrations.QuarantinedRecord.reasons": lambda canary: [{"field": "name", "message": canary}],
    "integrations.QuarantineRetry.wanted": lambda canary: {"message": canary},
    "integrations.Conflict.part": lambda canary: f'["{canary}"]',
    "integrations.Event.body": lambda canary: f'{{"type": "{canary}", "data": {{"name": "{canary}"}}}}',
    "integrations.Credential.secret": lambda canary: f'{{"key": "{canary}-secret", "access_token": "{canary}-secret"}}',
    "integrations.Connection.environment": lambda canary: "lab",  # no vendor is asked: there is no lab here
    "hub.AccountRoute.webhook_secrets": lambda canary: f'[{{"secret": "{canary}-secret", "until": null}}]',
    "hub.ProviderApp.webhook_secrets": lambda canary: f'[{{"secret": "{canary}-secret", "until": null}}]',
    "hub.ProviderApp.client_id": lambda canary: "known-to-every-browser",  # it stands in the address one signs in at
}
# Texts that mean something.
CODES = {"currency": "AUD", "country": "AU", "timezone": "Australia/Sydney"}


def models_of(installed: list[str]) -> list[type[models.Model]]:
    """The concrete models of a settings list of apps, referenced ones first."""
    named = [
        config
        for config in apps.get_app_configs()
        if config.name in installed or f"{type(config).__module__}.{type(config).__qualname__}" in installed
    ]
    found = [model for config in named for model in config.get_models()]
    return _referenced_first([m for m in found if m._meta.label not in REFERENCE and not m._meta.proxy])


def models_of_a_chapter() -> list[type[models.Model]]:
    return models_of(settings.CHAPTER_APPS)


def models_of_the_hub() -> list[type[models.Model]]:
    """Without those that make schemas or schedules when they are saved; the chapters themselves stand for them."""
    return [m for m in models_of(settings.SHARED_APPS) if m._meta.label not in ("hub.Chapter", "hub.Domain")]


def specimens(kinds: list[type[models.Model]], *, canary: str, offset: int, provider: str) -> dict[str, models.Model]:
    """Label -> row. Whole-number keys begin at `offset`, so that no two places share one."""
    made: dict[str, models.Model] = {}
    for number, model in enumerate(kinds):
        made[model._meta.label] = _make(model, made, canary, offset + number, provider)
    return made


def _make(model: type[models.Model], made: dict[str, models.Model], canary: str, number: int, provider: str) -> Any:
    if model is User:
        return User.objects.create_user(canary, f"{canary}@example.org", pk=number, first_name=canary)
    if model is Group:
        group = Group.objects.create(name=canary, pk=number)
        group.permissions.add(Permission.objects.first())
        return group
    values = {
        field.attname: value
        for field in model._meta.concrete_fields
        if (value := _value(field, made, canary, number, provider)) is not None
    }
    return model._base_manager.bulk_create([model(**values)])[0]  # no signals: some models act when they are saved


def _value(field: Any, made: dict[str, models.Model], canary: str, number: int, provider: str) -> Any:
    if isinstance(field, models.ForeignKey):
        return _reference(field, made)
    if shape := SHAPES.get(f"{field.model._meta.label}.{field.name}"):
        return shape(canary)
    if field.name in ("provider", "auth_kind", "resource", "target", *CODES):
        return _word(field.name, provider)
    if isinstance(field, EncryptedField):
        return f"{canary}-secret"
    if field.choices or (field.has_default() and not isinstance(field, models.CharField | models.TextField)):
        return None if field.has_default() or field.null else field.choices[0][0]
    if isinstance(field, models.UUIDField):
        return None if field.null else uuid7()
    return _plain(field, canary, number)


def _word(name: str, provider: str) -> str:
    declared = registry.get(provider)
    words = {
        "auth_kind": declared.auths[0].kind,
        "resource": declared.resources[0].name,
        "target": declared.resources[0].target,
    }
    return {**CODES, **words, "provider": provider}[name]


def _reference(field: models.ForeignKey, made: dict[str, models.Model]) -> Any:
    if field.related_model is ContentType:
        return ContentType.objects.get_for_model(User).pk
    target = made.get(field.related_model._meta.label)
    if target is None and not field.null:
        return field.related_model._default_manager.values_list("pk", flat=True)[0]
    return None if target is None else getattr(target, field.target_field.attname)


def _plain(field: Any, canary: str, number: int) -> Any:
    if isinstance(field, models.CharField | models.TextField):
        longest = field.max_length or 1000
        return canary if longest >= len(canary) else canary[-longest:].lower()
    if isinstance(field, models.AutoField | models.IntegerField | models.SmallIntegerField):
        return number if isinstance(field, models.BigAutoField | models.AutoField) else 1
    for kind, value in (
        (models.DateTimeField, NOW),
        (models.DateField, date(2026, 2, 1)),
        (models.DurationField, timedelta(hours=1)),
        (models.DecimalField, Decimal(1)),
        (models.FloatField, 1.0),
        (models.BooleanField, True),
        (ArrayField, [canary]),
        (models.JSONField, {"name": canary}),
    ):
        if isinstance(field, kind):
            return None if field.null else value
    return None


def _referenced_first(found: list[type[models.Model]]) -> list[type[models.Model]]:
    ordered: list[type[models.Model]] = []

    def place(model: type[models.Model], above: tuple[type[models.Model], ...] = ()) -> None:
        if model in ordered or model in above or model not in found:
            return
        for field in model._meta.concrete_fields:
            if isinstance(field, models.ForeignKey):
                place(field.related_model, (*above, model))
        ordered.append(model)

    for model in found:
        place(model)
    return ordered


def keys_of(made: dict[str, models.Model]) -> list[Any]:
    """The primary keys that can stand in an address."""
    return [row.pk for row in made.values() if isinstance(row.pk, UUID | int | str)]
