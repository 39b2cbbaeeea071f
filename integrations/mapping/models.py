from __future__ import annotations

from typing import ClassVar

from django.db import models
from uuid_utils.compat import uuid7

from integrations.connections.models import Connection


class FieldMapping(models.Model):
    """A connection's deviation from the provider's mapping, for one canonical field of one resource.

    `source` replaces the path (empty = the field is not taken); `owner` and `write` replace the rules.
    """

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

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="field_mappings")
    resource = models.CharField(max_length=60)
    field = models.CharField(max_length=100)
    source = models.CharField(max_length=200, blank=True, default="")
    owner = models.CharField(max_length=8, choices=Owner, default=Owner.THEIRS)
    write = models.CharField(max_length=8, choices=Write, default=Write.ALWAYS)
    is_active = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "resource", "field"], name="field_mapping_once")
        ]

    def __str__(self) -> str:
        return f"{self.resource}.{self.field}"
