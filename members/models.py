from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from integrations.matching.keys import index
from integrations.rows import Synced


class Member(Synced):
    """A person."""

    class Status(models.TextChoices):
        PROSPECT = "prospect", "Prospect"
        PENDING = "pending", "Pending"
        CURRENT = "current", "Current"
        GRACE = "grace", "In grace"
        LAPSED = "lapsed", "Lapsed"
        RESIGNED = "resigned", "Resigned"
        SUSPENDED = "suspended", "Suspended"
        DECEASED = "deceased", "Deceased"

    member_number = models.CharField(max_length=50, null=True, blank=True, unique=True)
    given_name = models.CharField(max_length=500, blank=True, default="")
    family_name = models.CharField(max_length=500, blank=True, default="")
    display_name = models.CharField(max_length=500)
    email = models.EmailField(max_length=320, blank=True, default="")
    phone = models.CharField(max_length=40, blank=True, default="")
    address = models.JSONField(null=True, blank=True)
    birth_date = models.DateField(null=True, blank=True)
    join_date = models.DateField(null=True, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.PROSPECT)
    locale = models.CharField(max_length=20, blank=True, default="")
    tags = ArrayField(models.CharField(max_length=500), default=list, blank=True)

    class Meta:
        ordering: ClassVar = ["display_name"]
        # What matching looks people up by; the many empty ones are left out.
        indexes: ClassVar = [
            models.Index(fields=["email"], condition=~models.Q(email=""), name="member_email"),
            index("member_phone", "phone", "phone"),
            index("member_name", "name", "given_name", "family_name"),
        ]

    def __str__(self) -> str:
        return self.display_name


class MemberConsent(models.Model):
    """What each system says a person allowed."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="consents")
    channel = models.CharField(max_length=10)
    purpose = models.CharField(max_length=500)
    state = models.CharField(max_length=30)
    captured_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.channel} {self.purpose}: {self.state}"


class Audience(Synced):
    """A mailing list at a marketing system."""

    key = models.CharField(max_length=500)
    name = models.CharField(max_length=500)
    size = models.PositiveIntegerField(default=0)
    listed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Tag(Synced):
    """A word people are marked with."""

    name = models.CharField(max_length=500)
    size = models.PositiveIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name
