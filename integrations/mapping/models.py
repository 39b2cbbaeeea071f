from __future__ import annotations

from typing import ClassVar

from django.db import models
from uuid_utils.compat import uuid7

from integrations.connections.models import Connection


class FieldMapping(models.Model):
    """A connection's deviation from the provider's mapping, for one canonical field of one resource.

    `transform` says what makes the value: the `source` path as it is (empty = the field is not taken), a `table` of
    [theirs, ours] rows for what stands at `source` (`otherwise` for what stands in no row), or a `formula` over their record,
    whose way out is `formula_out` over ours, written to `source`. `owner` and `write` replace the rules of what comes in,
    `direction` and `write_out` say what goes out.
    """

    class Transform(models.TextChoices):
        DIRECT = "direct", "Their field as it is"
        LOOKUP = "lookup", "Looked up in a table"
        FORMULA = "formula", "Worked out by a formula"

    class Direction(models.TextChoices):
        BOTH = "both", "Both ways"
        IN = "in", "Only from there to here"
        OUT = "out", "Only from here to there"

    class Owner(models.TextChoices):
        OURS = "ours", "Ours wins"
        THEIRS = "theirs", "Theirs wins"
        NEWEST = "newest", "The newest wins"
        ASK = "ask", "Ask a person"

    class Write(models.TextChoices):
        ALWAYS = "always", "Always"
        IF_EMPTY = "if_empty", "Only if empty here"
        NEVER = "never", "Never"
        APPEND = "append", "Append"

    class WriteOut(models.TextChoices):
        ALWAYS = "always", "Always"
        IF_EMPTY = "if_empty", "Only if empty there"
        NEVER = "never", "Never"
        APPEND = "append", "Append"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="field_mappings")
    resource = models.CharField(max_length=60)
    field = models.CharField(max_length=100)
    transform = models.CharField(max_length=8, choices=Transform, default=Transform.DIRECT)
    source = models.CharField(max_length=200, blank=True, default="")
    table = models.JSONField(default=list, blank=True, help_text="[[theirs, ours], ...]")
    otherwise = models.JSONField(null=True, blank=True, help_text="Ours, for what stands in no row of the table")
    formula = models.TextField(blank=True, default="")
    formula_out = models.TextField(blank=True, default="")
    direction = models.CharField(max_length=4, choices=Direction, default=Direction.BOTH)
    owner = models.CharField(max_length=8, choices=Owner, default=Owner.THEIRS)
    write = models.CharField(max_length=8, choices=Write, default=Write.ALWAYS)
    write_out = models.CharField(max_length=8, choices=WriteOut, default=WriteOut.ALWAYS)
    is_active = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "resource", "field"], name="field_mapping_once")
        ]

    def __str__(self) -> str:
        return f"{self.resource}.{self.field}"


class MappingVersion(models.Model):
    """What a connection's deviations for one resource were after one save; version 1 is what there was before the first.

    `snapshot`: canonical field -> the columns of its FieldMapping. `reapplied`: records that were here were read again with it;
    without that, a record keeps what an earlier version made of it until it changes there.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="mapping_versions")
    resource = models.CharField(max_length=60)
    number = models.PositiveIntegerField()
    snapshot = models.JSONField(default=dict)
    reapplied = models.BooleanField(default=True)
    who = models.CharField(max_length=150, blank=True, default="")
    note = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "resource", "number"], name="mapping_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.resource} {self.number}"
