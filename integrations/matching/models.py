from __future__ import annotations

from typing import ClassVar

from django.db import models
from uuid_utils.compat import uuid7

from integrations.connections.models import Connection
from integrations.sync.models import SyncRun


class MatchReview(models.Model):
    """A record of theirs that may be one of ours: held until a person says which it is. One open per record.

    `candidates`: [{"id", "score", "reasons": [{"words", "points", "effect"}]}], best first. Once decided, what the
    record said is forgotten; which pair was asked about is not.
    """

    class State(models.TextChoices):
        OPEN = "open", "Waiting for a person"
        LINKED = "linked", "It is one of ours"
        SEPARATE = "separate", "It is somebody new"
        DISMISSED = "dismissed", "Left out"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="match_reviews")
    run = models.ForeignKey(SyncRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="match_reviews")
    resource = models.CharField(max_length=60)
    external_id = models.CharField(max_length=255)
    target = models.CharField(max_length=60)
    candidates = models.JSONField(default=list)
    score = models.PositiveIntegerField(default=0, help_text="Of the best candidate")
    record = models.JSONField(default=dict, blank=True, help_text="What it says, canonical")
    body = models.TextField(blank=True, default="", help_text="The record as it came, JSON made safe to store")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    record_id = models.UUIDField(null=True, blank=True, help_text="What it was linked to, or became")
    decided_by = models.ForeignKey("auth.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["-score", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connection", "resource", "external_id"],
                condition=models.Q(state="open"),
                name="review_open_once",
            )
        ]
        indexes: ClassVar = [models.Index(fields=["resource", "external_id"], name="review_of_record")]

    def __str__(self) -> str:
        return f"{self.resource} {self.external_id}"


class Merge(models.Model):
    """Two records of ours that a person made one. What was written is in the change feed under `merge:<id>`.

    `links`: [{"id", "base", "content_hash"}], the links that were the merged record's, with what both sides had agreed on;
    `bases`: [{"field", "links"}], links of others in whose base its id was replaced. `chosen`: field -> "kept", "merged" or
    "both". `label` is what the merged record was called.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    target = models.CharField(max_length=60)
    kept_id = models.UUIDField()
    merged_id = models.UUIDField()
    label = models.CharField(max_length=500)
    chosen = models.JSONField(default=dict)
    links = models.JSONField(default=list)
    bases = models.JSONField(default=list)
    changeset = models.BigIntegerField(null=True, blank=True, help_text="In the change feed")
    merged_by = models.ForeignKey("auth.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey("auth.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering: ClassVar = ["-created_at"]
        permissions: ClassVar = [("merge_records", "Can make two records one")]
        indexes: ClassVar = [
            models.Index(fields=["merged_id"], name="merge_alias"),
            models.Index(fields=["kept_id"], name="merge_kept"),
        ]

    def __str__(self) -> str:
        return self.label
