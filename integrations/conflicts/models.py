from __future__ import annotations

from typing import ClassVar

from django.db import models
from uuid_utils.compat import uuid7

from integrations.connections.models import Connection
from integrations.sync.models import RecordLink, SyncRun


class Conflict(models.Model):
    """One field that was changed here and there, differently, where the field's rule is to ask a person.

    `base`, `ours` and `theirs` are canonical JSON values (None: nothing). `part` is empty for a whole field; for one of several
    keyed children it is their key as a JSON list: `["email", "newsletter:a"]`. `agreed` False: the two were just matched, so
    `base` says nothing. `version` grows with every change of what there is to decide.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        RESOLVED = "resolved", "Resolved"
        MOOT = "moot", "Settled by itself"

    class Resolution(models.TextChoices):
        OURS = "ours", "Ours"
        THEIRS = "theirs", "Theirs"
        VALUE = "value", "Another value"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="conflicts", db_index=False)
    resource = models.CharField(max_length=60)
    link = models.ForeignKey(RecordLink, on_delete=models.CASCADE, related_name="conflicts")
    target = models.CharField(max_length=60)
    record_id = models.UUIDField()
    field = models.CharField(max_length=100)
    part = models.TextField(blank=True, default="")
    agreed = models.BooleanField(default=True)
    base = models.JSONField(null=True, blank=True)
    ours = models.JSONField(null=True, blank=True)
    theirs = models.JSONField(null=True, blank=True)
    ours_by = models.CharField(
        max_length=100, blank=True, default="", help_text="Who changed it here, as the feed says"
    )
    ours_at = models.DateTimeField(null=True, blank=True)
    theirs_at = models.DateTimeField(null=True, blank=True)
    run = models.ForeignKey(SyncRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="found_conflicts")
    version = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    resolution = models.CharField(max_length=10, choices=Resolution, blank=True, default="")
    value = models.JSONField(null=True, blank=True, help_text="What a person typed")
    resolved_by = models.CharField(max_length=100, blank=True, default="", help_text="Who, as the feed says it")
    resolved_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField(help_text="When what there is to decide last changed")

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["link", "field", "part"], condition=models.Q(state="open"), name="conflict_open_once"
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["connection", "resource"], condition=models.Q(state="open"), name="conflict_open_here"
            ),
            models.Index(fields=["connection", "-id"], name="conflict_history"),
        ]

    def __str__(self) -> str:
        return f"{self.resource} {self.field}"
