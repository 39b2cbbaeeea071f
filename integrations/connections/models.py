from __future__ import annotations

from typing import ClassVar

from django.db import models
from uuid_utils.compat import uuid7

from integrations.encryption import EncryptedField
from integrations.hub.models.providers import Environment
from integrations.provider import CATEGORIES


class Connection(models.Model):
    """The chapter's link to one account at a provider. A chapter may have several of one provider."""

    class Status(models.TextChoices):
        CONNECTED = "connected", "Connected"
        DISCONNECTED = "disconnected", "Disconnected"
        ERROR = "error", "Needs attention"
        EXPIRED = "expired", "Reconnect needed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.SlugField(max_length=40, help_text="The provider's slug")
    name = models.CharField(max_length=100, help_text="What people here call it: 'Sydney ledger'")
    environment = models.CharField(max_length=8, choices=Environment, default=Environment.LIVE)
    status = models.CharField(max_length=12, choices=Status, default=Status.DISCONNECTED)
    status_since = models.DateTimeField(auto_now_add=True)
    auth_kind = models.CharField(max_length=20)
    account_id = models.CharField(max_length=200, blank=True, default="")
    account_name = models.CharField(max_length=200, blank=True, default="")
    values = models.JSONField(
        default=dict, blank=True, help_text="What fills the {names} of the base URL; never secret"
    )
    settings = models.JSONField(default=dict, blank=True)
    plan_first = models.BooleanField(
        default=False, help_text="The first read of each resource is shown to a person before anything is written"
    )
    last_sync_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True, default="")
    connected_at = models.DateTimeField(null=True, blank=True)
    connected_by = models.ForeignKey("auth.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    app_id = models.UUIDField(null=True, blank=True, help_text="hub.ProviderApp that minted the token")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["provider", "name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["provider", "name"], name="connection_name")]
        # What a person may do, and with which kinds of provider: both are asked (integrations.roles).
        permissions: ClassVar = [
            ("connect_connection", "Can connect, change and disconnect providers"),
            ("sync_connection", "Can start and cancel syncs"),
            *((f"use_{slug}", f"Works with {label} providers") for slug, label in CATEGORIES.items()),
        ]

    def __str__(self) -> str:
        return self.name


class Credential(models.Model):
    """The secret of a connection: a JSON object, sealed. OAuth: access_token, refresh_token; otherwise key, or username
    and password."""

    connection = models.OneToOneField(Connection, primary_key=True, on_delete=models.CASCADE)
    secret = EncryptedField(null=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    refreshed_at = models.DateTimeField(null=True, blank=True)
    scopes = models.JSONField(default=list, help_text="What was granted")
    missing_scopes = models.JSONField(default=list, help_text="Asked for, not granted: what needs them is switched off")

    def __str__(self) -> str:
        return f"credential of {self.connection_id}"
