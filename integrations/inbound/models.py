from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from integrations.connections.models import Connection
from integrations.encryption import CannotDecrypt, EncryptedField
from integrations.sync.models import SyncRun


class InboundEvent(models.Model):
    """One thing a vendor told about, once however often it is delivered.

    `key` is what the vendor calls the event or, with a `#` in front, a digest of what it says: such a one that comes again
    after it was done is acted on again, for it may well mean something new. `payload` is the event as it came.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DONE = "done", "Done"
        IGNORED = "ignored", "Not acted on"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="inbound_events")
    key = models.CharField(max_length=200)
    topic = models.CharField(max_length=100, blank=True, help_text="The vendor's name for what happened")
    resource = models.CharField(max_length=60, blank=True)
    record = models.CharField(max_length=200, blank=True, help_text="The vendor's key of what changed")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    payload = EncryptedField(null=True)
    received_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    note = models.TextField(blank=True, default="", help_text="What came of it, in a sentence")
    run = models.ForeignKey(SyncRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["connection", "key"], name="inbound_event_once")]
        indexes: ClassVar = [
            models.Index(fields=["connection", "next_try_at"], condition=Q(state="waiting"), name="inbound_event_due"),
            models.Index(fields=["connection", "-received_at", "-id"], name="inbound_event_newest"),
            models.Index(fields=["received_at"], condition=~Q(state="waiting"), name="inbound_event_over"),
        ]

    def __str__(self) -> str:
        return f"{self.topic or 'delivery'} {self.record}".strip()

    @property
    def told(self) -> str | None:
        """The event as it came; None where it can no longer be opened, or nothing was kept."""
        try:
            return self.payload.reveal() if self.payload is not None else None
        except CannotDecrypt:
            return None
