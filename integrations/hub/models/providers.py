"""What the hub knows of vendors: OAuth apps, running authorisations, and whose remote account is whose."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from uuid_utils.compat import uuid7

from integrations.encryption import EncryptedField


class Environment(models.TextChoices):
    LIVE = "live", "Live"
    SANDBOX = "sandbox", "Sandbox"
    LAB = "lab", "Sample data"


class ProviderApp(models.Model):
    """An OAuth client registered with a vendor: the hub's, or (with a chapter) that chapter's own."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.SlugField(max_length=40)
    environment = models.CharField(max_length=8, choices=Environment, default=Environment.LIVE)
    chapter = models.ForeignKey("hub.Chapter", null=True, blank=True, on_delete=models.CASCADE)
    client_id = models.CharField(max_length=200)
    client_secret = EncryptedField(scope="hub")
    webhook_secrets = EncryptedField(
        scope="hub", null=True
    )  # as in AccountRoute; of the address that is for all chapters
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["provider", "environment", "chapter"], nulls_distinct=False, name="one_app_per_owner"
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider} ({self.environment}) {self.chapter or 'hub'}"


class AccountRoute(models.Model):
    """Which connection a remote account belongs to: a delivery is verified, and finds its chapter, without entering one.

    `webhook_secrets` is a JSON list, newest first (hub.webhook_secrets).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.SlugField(max_length=40)
    account_id = models.CharField(max_length=200)
    chapter = models.ForeignKey("hub.Chapter", on_delete=models.CASCADE)
    connection_id = models.UUIDField(unique=True)
    webhook_secrets = EncryptedField(scope="hub", null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["provider", "account_id"], name="route_account")]

    def __str__(self) -> str:
        return f"{self.provider} {self.account_id}"


class OAuthState(models.Model):
    """An authorisation under way: one-time, ten minutes, bound to browser, user and chapter, with the PKCE verifier.

    `state_hash` is SHA-256 of the state sent to the vendor; the state itself is never stored. `app_id` is the ProviderApp
    the vendor was shown: only it can exchange the code.
    """

    state_hash = models.CharField(max_length=64, primary_key=True)
    chapter = models.ForeignKey("hub.Chapter", on_delete=models.CASCADE)
    connection_id = models.UUIDField()
    app_id = models.UUIDField()
    user_id = models.BigIntegerField(null=True)
    browser_hash = models.CharField(max_length=64)
    code_verifier = EncryptedField(scope="hub")
    return_to = models.CharField(max_length=300, default="/marketplace/")
    created_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True)
