from __future__ import annotations

from typing import ClassVar

from django.db import models
from uuid_utils.compat import uuid7


class ApiKey(models.Model):
    """What a partner system shows at the API: `chk_<prefix>_<secret>`. Only the SHA-256 of the secret is kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, unique=True, editable=False)
    secret_hash = models.CharField(max_length=64, editable=False)
    scopes = models.JSONField(default=list)
    created_by = models.ForeignKey(
        "auth.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class IdempotentRequest(models.Model):
    """A request that carried an Idempotency-Key, and what was answered: kept for a day, so that a repetition changes
    nothing and is answered alike.

    `fingerprint`: SHA-256 of method, path and body. `status` is null while the first request is under way.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    caller = models.CharField(max_length=60, help_text="key:<id> or person:<id>")
    key = models.CharField(max_length=128)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    started_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["caller", "key"], name="idempotent_once_per_caller")]

    def __str__(self) -> str:
        return f"{self.caller} {self.key}"
