"""What every row that a sync may write has."""

from __future__ import annotations

from django.db import models
from uuid_utils.compat import uuid7


class Synced(models.Model):
    """An id that is stable for life and a version that counts its changes."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True
