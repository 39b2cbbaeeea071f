"""The change feed: what changed in a chapter, from what to what, because of whom. Triggers fill it (see `triggers`)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models


class ChangeSet(models.Model):
    """What one origin changed in one transaction. `xid` is the transaction's 64-bit id, by which readers know what is final."""

    id = models.BigAutoField(primary_key=True)
    xid = models.BigIntegerField()
    at = models.DateTimeField()
    origin = models.CharField(
        max_length=100, blank=True, default="", help_text="Who: see `origins`; empty for plain SQL"
    )
    run_id = models.UUIDField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["xid"], name="changeset_xid"),
            models.Index(fields=["run_id"], condition=models.Q(run_id__isnull=False), name="changeset_run"),
            models.Index(fields=["at"], name="changeset_at"),
        ]

    def __str__(self) -> str:
        return f"{self.origin or 'SQL'} at {self.at:%Y-%m-%d %H:%M:%S}"


class Change(models.Model):
    """One row that changed. It names its aggregate: a member's consent is a change of that member, in the part `consents`.

    `before` and `after` hold columns: of an update only those that changed, of a delete the whole row before, of an insert
    nothing, since the row itself still tells. `overruled` changed nothing here: their value (`before`) lost against ours
    (`after`) by an owner rule.
    """

    class Op(models.TextChoices):
        INSERT = "insert", "Made"
        UPDATE = "update", "Changed"
        DELETE = "delete", "Deleted"
        OVERRULED = "overruled", "Overruled"

    id = models.BigAutoField(primary_key=True)
    # No constraint: it would ask for the same change set once per row of a load. Both are pruned together.
    changeset = models.ForeignKey(ChangeSet, on_delete=models.DO_NOTHING, db_constraint=False, related_name="changes")
    aggregate_id = models.UUIDField()
    target = models.CharField(max_length=60)
    part = models.CharField(max_length=60, blank=True, default="", help_text="Empty for the record's own row")
    row_key = models.CharField(max_length=40, blank=True, default="", help_text="The key of a part's row")
    op = models.CharField(max_length=9, choices=Op)
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["aggregate_id"], name="change_aggregate")]

    def __str__(self) -> str:
        return f"{self.target} {self.aggregate_id} {self.op}"

    @property
    def fields(self) -> list[str]:
        """The columns that changed; none for an insert."""
        known: dict[str, Any] = self.after or self.before or {}
        return sorted(known)


class ChangePosition(models.Model):
    """How far one reader of the feed has come."""

    consumer = models.CharField(max_length=200, primary_key=True)
    xid = models.BigIntegerField(default=0)
    change = models.BigIntegerField(default=0)
    moved_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.consumer
