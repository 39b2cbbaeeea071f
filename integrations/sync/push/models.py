from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from integrations.connections.models import Connection
from integrations.sync.models import SyncRun


class OutboundWrite(models.Model):
    """One change of one record on its way to a vendor. It is committed as `sending` before the request leaves, so whatever
    happens then, it is known that it may have arrived.

    `version` counts the changes of a record: with chapter, connection, resource, operation and the body's hash it makes the
    `key`, by which the vendor knows a repetition. `body` is exactly what is sent, `said` the same in canonical words; both are
    emptied when the outcome is known, since they hold people's data. Writes that travelled together share `call`, the key of
    that request. Done ones are forgotten in time (`prune`).
    """

    class Op(models.TextChoices):
        CREATE = "create", "Create there"
        UPDATE = "update", "Change there"

    class State(models.TextChoices):
        READY = "ready", "Waits to be sent"
        WAITING = "waiting", "Waits for another record"
        SENDING = "sending", "Being sent"
        UNKNOWN = "unknown", "Not known whether it arrived"
        DONE = "done", "Sent"
        REFUSED = "refused", "Refused"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="outbound")
    resource = models.CharField(max_length=60)
    record_id = models.UUIDField()
    external_id = models.CharField(
        max_length=255, blank=True, default="", help_text="Their id; empty until it is created"
    )
    op = models.CharField(max_length=6, choices=Op)
    version = models.BigIntegerField(default=0, help_text="0 until it is decided what is sent")
    ours_hash = models.CharField(
        max_length=32, blank=True, default="", help_text="Of our record, when that was decided"
    )
    key = models.CharField(max_length=128, blank=True, default="")
    call = models.CharField(max_length=128, blank=True, default="")
    body = models.TextField(blank=True, default="", help_text="JSON, exactly as it is sent")
    said = models.JSONField(null=True, blank=True)
    body_hash = models.CharField(max_length=32, blank=True, default="")
    state = models.CharField(max_length=8, choices=State, default=State.READY)
    alone = models.BooleanField(default=False, help_text="It travels in a call of its own")
    attempts = models.PositiveSmallIntegerField(default=0)
    run = models.ForeignKey(SyncRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    answer = models.TextField(blank=True, default="", help_text="What came of it, in a sentence")
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connection", "resource", "record_id", "op", "version"],
                condition=~Q(version=0),
                name="outbound_version_once",
            ),
            models.UniqueConstraint(
                fields=["connection", "resource", "record_id", "external_id"],
                condition=~Q(state="done"),
                name="outbound_one_open",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["connection", "resource", "state"], condition=~Q(state="done"), name="outbound_open"),
        ]

    def __str__(self) -> str:
        return f"{self.op} {self.record_id}"
