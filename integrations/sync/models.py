from __future__ import annotations

from typing import ClassVar

from django.db import models
from uuid_utils.compat import uuid7

from integrations.connections.models import Connection


class ResourceState(models.Model):
    """How far one resource of one connection has been read. Saved in the transaction that saved the records."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="resource_states")
    resource = models.CharField(max_length=60)
    enabled = models.BooleanField(default=True)
    cursor = models.CharField(max_length=100, blank=True, default="", help_text="Newest cursor value seen, RFC 3339")
    position = models.JSONField(null=True, blank=True, help_text="Where an unfinished read continues")
    last_complete_at = models.DateTimeField(
        null=True, blank=True, help_text="When the last complete read began: all that was there then is here"
    )
    mapping = models.CharField(
        max_length=32, blank=True, default="", help_text="Fingerprint of the mapping everything here was last read with"
    )
    last_error = models.TextField(blank=True, default="")
    every = models.DurationField(null=True, blank=True, help_text="How often it is read; empty = as the provider says")
    sweep_days = models.PositiveSmallIntegerField(
        default=3, help_text="So many days before the cursor are read once more each night; 0 = not"
    )
    swept_at = models.DateTimeField(null=True, blank=True, help_text="When the last nightly sweep was asked for")
    deletions_cursor = models.CharField(
        max_length=100,
        blank=True,
        default="",
        help_text="How far the vendor's list of deletions has been read, RFC 3339",
    )
    arrivals = models.JSONField(default=dict, blank=True, help_text="How often each mapped field has come (sync.drift)")
    drift = models.JSONField(default=list, blank=True, help_text="What no longer comes as it did (sync.drift)")
    sends = models.BooleanField(default=False, help_text="What changes here is changed there")
    creates = models.BooleanField(default=False, help_text="What is only here is created there; counts where it sends")
    comparing = models.BooleanField(default=False, help_text="Whether all records are still to be compared once")
    compared = models.UUIDField(
        null=True, blank=True, help_text="The last link, then the last record, that was compared"
    )
    trusted = models.BooleanField(default=False, help_text="The first changes were few, or a person has seen how many")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["connection", "resource"], name="resource_state_once")]

    def __str__(self) -> str:
        return self.resource


class SyncRun(models.Model):
    """One execution for one resource."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        PLANNED = "planned", "Waiting for approval"
        SUCCEEDED = "succeeded", "Succeeded"
        PARTIAL = "partial", "Succeeded, some records set aside"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    class Kind(models.TextChoices):
        SYNC = "sync", "Sync"
        UNDO = "undo", "Undo"

    class Decision(models.TextChoices):
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        REPLACED = "replaced", "Replaced by a newer plan"

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule", "Schedule"
        PERSON = "person", "A person"
        API = "api", "The API"
        COMMAND = "command", "The command line"
        CHANGE = "change", "A change here"
        WEBHOOK = "webhook", "The vendor told us"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="runs")
    resource = models.CharField(max_length=60)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.SYNC)
    undoes = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="undone_by")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    trigger = models.CharField(max_length=10, choices=Trigger, default=Trigger.SCHEDULE)
    triggered_by = models.ForeignKey("auth.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    full = models.BooleanField(default=False, help_text="Read everything, not only what changed")
    plan_only = models.BooleanField(default=False)
    plan = models.JSONField(null=True, blank=True, help_text="What it would do, or did; see integrations.sync.plan")
    approved = models.BooleanField(
        default=False, help_text="A person said yes: to a plan, or to deletes beyond the brake"
    )
    decision = models.CharField(max_length=10, choices=Decision, blank=True, default="")
    decided_by = models.ForeignKey("auth.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    job_id = models.BigIntegerField(null=True, blank=True)
    total = models.PositiveIntegerField(null=True, blank=True, help_text="How many the vendor said there are")
    fetched = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    deleted = models.PositiveIntegerField(default=0)
    quarantined = models.PositiveIntegerField(default=0)
    pages = models.PositiveIntegerField(default=0, help_text="How many answers of the vendor were read")
    rate = models.FloatField(null=True, blank=True, help_text="Records a second, the latest batches counting most")
    resumes_at = models.DateTimeField(null=True, blank=True, help_text="When a run that has to wait goes on by itself")
    back_days = models.PositiveSmallIntegerField(
        default=0, help_text="Reads so many days before the cursor once more: the nightly sweep"
    )
    held = models.PositiveIntegerField(default=0, help_text="Possible duplicates that wait for a person")
    conflicts = models.PositiveIntegerField(default=0, help_text="Fields left for a person to decide")
    sent = models.PositiveIntegerField(default=0, help_text="Records changed or created there")
    refused = models.PositiveIntegerField(default=0, help_text="Records the vendor did not take")
    read_said = models.TextField(
        blank=True, default="", help_text="Reading is over, and said this; what is left is sent"
    )
    send_plan = models.TextField(blank=True, default="", help_text="What would be sent, where a person is asked first")
    message = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    progress_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [
            models.Index(fields=["connection", "resource", "-created_at"], name="run_history"),
            models.Index(fields=["finished_at"], condition=models.Q(finished_at__isnull=False), name="run_finished"),
        ]

    def __str__(self) -> str:
        return f"{self.resource} {self.state}"


class RecordLink(models.Model):
    """Their id <-> our id, with what both sides last agreed on. The only thing a sync may key on.

    `content_hash`: hex blake2b-128 of the mapped record. `refs`: references not yet resolved, `{field: [resource, key]}`.
    A record inside another one's list (`Within`) has the external id `<parent's>/<its own>`. `base` is canonical, without
    the fields that are None.
    """

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        REMOTE_DELETED = "remote_deleted", "Deleted there"
        UNLINKED = "unlinked", "Unlinked"

    class Match(models.TextChoices):
        CREATED = "created", "Created from theirs"
        NATURAL_KEY = "natural_key", "Same natural key"
        RULES = "rules", "Recognised by its likeness"
        PUSHED = "pushed", "Created there by us"
        MANUAL = "manual", "Linked by a person"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # link_theirs_once begins with the connection, so it needs no index of its own; and a constraint would ask for the same
    # connection once per link, a sixth of the time of a load.
    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="links", db_index=False, db_constraint=False
    )
    resource = models.CharField(max_length=60)
    external_id = models.CharField(max_length=255)
    target = models.CharField(max_length=60)
    record_id = models.UUIDField()
    content_hash = models.CharField(max_length=32)
    base = models.JSONField(default=dict, help_text="The mapped record both sides last agreed on")
    refs = models.JSONField(null=True, blank=True)
    match = models.CharField(max_length=12, choices=Match, default=Match.CREATED)
    state = models.CharField(max_length=15, choices=State, default=State.ACTIVE)
    first_seen = models.DateTimeField()
    last_changed = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "resource", "external_id"], name="link_theirs_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["record_id"], name="link_ours"),
            models.Index(
                fields=["connection", "resource"], condition=models.Q(refs__isnull=False), name="link_pending"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource} {self.external_id}"


class SeenKey(models.Model):
    """What a complete read has shown so far, where absence will mean deletion. Emptied when the read ends or begins anew."""

    state = models.ForeignKey(ResourceState, on_delete=models.CASCADE, related_name="+", db_index=False)
    external_id = models.CharField(max_length=255)


class PlannedKey(models.Model):
    """What a plan has been shown: what it does not hold would be gone, and what lives inside it can be planned too. Emptied
    when the plan is decided, or begun anew."""

    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="+")
    external_id = models.CharField(max_length=255)


class QuarantinedRecord(models.Model):
    """A record that could not be applied, kept with every reason. Resolved when the same record is applied later, or when a
    person has dismissed it."""

    class Form(models.TextChoices):
        """What can be read back from `body`."""

        EXACT = "exact", "Whole, numbers to the last digit"
        ROUNDED = "rounded", "Whole, numbers as floats"
        SHOWN = "shown", "For people only: cut short, or with parts that could not be kept"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="quarantined")
    run = models.ForeignKey(
        SyncRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="quarantined_records"
    )
    resource = models.CharField(max_length=60)
    external_id = models.CharField(max_length=255, blank=True, default="", help_text="Empty when the record has no key")
    reasons = models.JSONField(help_text="[{field, message}]")
    body = models.TextField(help_text="The record as it came, made safe to store")
    form = models.CharField(max_length=8, choices=Form, default=Form.SHOWN)
    tries = models.PositiveSmallIntegerField(default=0, help_text="How often it was tried again from here")
    tried_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    dismissed_because = models.CharField(
        max_length=300, blank=True, default="", help_text="Why a person wants no more of it; empty = it was taken"
    )
    dismissed_by = models.ForeignKey("auth.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connection", "resource", "external_id"],
                condition=models.Q(resolved_at__isnull=True) & ~models.Q(external_id=""),
                name="quarantined_once",
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["connection", "resource", "external_id"],
                condition=~models.Q(dismissed_because=""),
                name="quarantined_dismissed",
            ),
            models.Index(
                fields=["resolved_at"], condition=models.Q(resolved_at__isnull=False), name="quarantined_resolved"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource} {self.external_id or 'without a key'}"


class QuarantineRetry(models.Model):
    """Set-aside records tried again with the mapping as it is now, in batches, by the job `sync.retry`.

    `wanted`: `{"ids": [...]}`, `{"since": RFC 3339}`, `{"field", "message"}`, or a mixture: all must hold. `after` is the
    last record that was tried.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting to start"
        RUNNING = "running", "Under way"
        DONE = "done", "Finished"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="retries")
    resource = models.CharField(max_length=60, blank=True, default="", help_text="Empty = all of the connection")
    wanted = models.JSONField(default=dict)
    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    after = models.UUIDField(null=True, blank=True)
    total = models.PositiveIntegerField(default=0)
    tried = models.PositiveIntegerField(default=0)
    taken = models.PositiveIntegerField(default=0, help_text="In order now")
    message = models.TextField(blank=True, default="")
    triggered_by = models.ForeignKey("auth.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.resource or 'everything'} {self.state}"
