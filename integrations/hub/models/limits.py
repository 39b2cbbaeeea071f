"""What all workers share about a vendor's account: how fast it may be asked, and whether it is answering."""

from __future__ import annotations

from django.db import models


class RateBucket(models.Model):
    """A token bucket. `key` is `<provider>|<account>|<window>`; taken from and refilled in one statement."""

    key = models.CharField(max_length=200, primary_key=True)
    tokens = models.FloatField()
    updated_at = models.DateTimeField()
    blocked_until = models.DateTimeField(null=True, help_text="The vendor's Retry-After")


class Breaker(models.Model):
    """Consecutive failures of one connection; open until `open_until`."""

    connection_id = models.UUIDField(primary_key=True)
    failures = models.PositiveIntegerField(default=0)
    open_until = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()
