"""What vendors have delivered and no chapter has taken yet."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from uuid_utils.compat import uuid7


class InboxDelivery(models.Model):
    """A delivery as it came, until its chapter takes it over or, where it is for several, each has its own.

    `body` is sealed: with the chapter's data key where the address named the chapter, else with the master key. `digest` is of
    everything by which a delivery is the same one again. `verified` False: the signature needs a key that is fetched later.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.SlugField(max_length=40)
    chapter = models.ForeignKey("hub.Chapter", null=True, on_delete=models.CASCADE)
    connection_id = models.UUIDField(null=True)
    app = models.ForeignKey("hub.ProviderApp", null=True, on_delete=models.CASCADE)
    received_at = models.DateTimeField(db_default=Now())
    headers = models.JSONField(default=dict, help_text="Those that are signed or tell something; never a credential")
    body = models.BinaryField()
    digest = models.BinaryField(max_length=32)
    verified = models.BooleanField(default=True)
    problem = models.TextField(blank=True, default="", db_default="", help_text="Why nothing could be done with it")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["digest"], name="inbox_once")]
        indexes: ClassVar = [models.Index(fields=["chapter", "connection_id", "id"], name="inbox_of_connection")]
        verbose_name_plural = "inbox deliveries"

    def __str__(self) -> str:
        return f"{self.provider} at {self.received_at:%Y-%m-%d %H:%M:%S}"


class Refusals(models.Model):
    """How many deliveries were refused in an hour, by the provider that was named; "" where there is none of that name."""

    provider = models.CharField(max_length=40, blank=True)
    hour = models.DateTimeField(db_index=True)
    refused = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["provider", "hour"], name="refusals_of_an_hour")]
        verbose_name_plural = "refusals"

    def __str__(self) -> str:
        return f"{self.refused} of {self.provider or 'nobody'}"
