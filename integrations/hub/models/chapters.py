from __future__ import annotations

import re
from typing import Any, ClassVar
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.db import models
from django_tenants.models import DomainMixin, TenantMixin
from uuid_utils.compat import uuid7

from integrations.provider.money import exponent

SLUG = re.compile(r"^[a-z][a-z0-9-]{1,39}$")


def validate_slug(value: str) -> None:
    if not SLUG.match(value):
        raise ValidationError("2 to 40 lower-case letters, digits and hyphens, beginning with a letter.")


def validate_country(value: str) -> None:
    if not re.fullmatch(r"[A-Z]{2}", value):
        raise ValidationError("A country is its two-letter ISO 3166 code, like AU.")


def validate_currency(value: str) -> None:
    try:
        exponent(value)
    except ValueError as error:
        raise ValidationError(f"A currency is its ISO 4217 code, like AUD: {error}.") from error


def validate_timezone(value: str) -> None:
    if value not in available_timezones():
        raise ValidationError("A time zone is a name of the IANA database, like Australia/Sydney.")


class Chapter(TenantMixin):
    """One membership organisation: a schema of its own, a domain of its own.

    `data_key` is the chapter's data encryption key, wrapped by a master key (integrations.encryption).
    """

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        SUSPENDED = "suspended", "Suspended"
        DELETED = "deleted", "Deleted"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.CharField(max_length=40, unique=True, validators=[validate_slug])
    name = models.CharField(max_length=150)
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    country = models.CharField(max_length=2, default="AU", validators=[validate_country], help_text="ISO 3166 code")
    base_currency = models.CharField(
        max_length=3, default="AUD", validators=[validate_currency], help_text="ISO 4217 code of the chapter's ledger"
    )
    timezone = models.CharField(max_length=64, default="Australia/Sydney", validators=[validate_timezone])
    data_key = models.BinaryField(editable=False, default=b"")
    created_at = models.DateTimeField(auto_now_add=True)

    auto_create_schema = True
    auto_drop_schema = False

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    def create_schema(self, check_if_exists: bool = False, sync_schema: bool = True, verbosity: int = 0) -> bool:
        return bool(super().create_schema(check_if_exists, sync_schema, verbosity=0))

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.schema_name:
            self.schema_name = "c_" + self.slug.replace("-", "_")
        super().save(*args, **kwargs)


class Domain(DomainMixin):
    """A host name a chapter answers at."""

    def __str__(self) -> str:
        return str(self.domain)
