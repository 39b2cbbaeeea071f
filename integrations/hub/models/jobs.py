"""Durable work: the truth about what is due. Celery carries only a job's id."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models import Q

# Stands for the hub where a chapter's id is asked for: the hub's own jobs take their turn like a chapter's.
HUB = UUID(int=0)
PRIORITIES = range(10)


class Job(models.Model):
    """One piece of work. `(chapter, kind, key)` is unique while ready, so repeated wishes coalesce, and unique while
    running, so that the same work never runs twice at a time; a wish made meanwhile waits as one ready row.

    No foreign key to Chapter: a job outlives its chapter and is then found dead, never run in the hub.
    """

    class State(models.TextChoices):
        READY = "ready", "Ready"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        DEAD = "dead", "Dead letter"

    id = models.BigAutoField(primary_key=True)
    chapter_id = models.UUIDField(default=HUB, help_text="All zeros stands for the hub")
    kind = models.CharField(max_length=60)
    key = models.CharField(max_length=200, blank=True, default="")
    payload = models.JSONField(default=dict)
    priority = models.SmallIntegerField(default=5, help_text="0 to 9; smaller runs first within its chapter")
    state = models.CharField(max_length=8, choices=State, default=State.READY)
    run_at = models.DateTimeField(help_text="Not before")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Counted when claimed")
    max_attempts = models.PositiveSmallIntegerField(default=8)
    lease_until = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True, help_text="Whoever holds it may complete the job")
    last_error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["chapter_id", "kind", "key"], condition=Q(state="ready"), name="job_one_ready_wish"
            ),
            models.UniqueConstraint(
                fields=["chapter_id", "kind", "key"], condition=Q(state="running"), name="job_one_running"
            ),
            models.CheckConstraint(
                condition=Q(priority__gte=PRIORITIES[0], priority__lte=PRIORITIES[-1]), name="job_priority"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["chapter_id", "priority", "run_at", "id"], condition=Q(state="ready"), name="job_next"
            ),
            models.Index(fields=["chapter_id", "run_at"], condition=Q(state="ready"), name="job_due_in_chapter"),
            models.Index(fields=["run_at"], condition=Q(state="ready"), name="job_due"),
            models.Index(fields=["lease_until"], condition=Q(state="running"), name="job_lease"),
            models.Index(fields=["finished_at"], condition=Q(state="done"), name="job_done"),
            models.Index(fields=["-finished_at"], condition=Q(state="dead"), name="job_dead"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key} ({self.state})"


class DeadLetter(Job):
    """A job that was given up, with its reason in `last_error`: what the hub operator replays."""

    class Meta:
        proxy = True

    def __str__(self) -> str:
        return f"{self.kind} {self.key}".strip()


class Turn(models.Model):
    """When each chapter was last given a worker: the next claim goes to the one that waited longest.

    Its row is locked while a job of that chapter is claimed, which makes the cap of jobs in flight exact.
    """

    chapter_id = models.UUIDField(primary_key=True, help_text="All zeros stands for the hub")
    claimed_at = models.DateTimeField(db_index=True)


class Due(models.Model):
    """When each resource of each connection is next to be read: one public table for all chapters."""

    chapter_id = models.UUIDField()
    connection_id = models.UUIDField()
    resource = models.CharField(max_length=60)
    every = models.DurationField()
    due_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection_id", "resource"], name="due_one_per_resource"),
            models.CheckConstraint(condition=Q(every__gt=timedelta(0)), name="due_every_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.resource} of {self.connection_id} every {self.every}"


class Fire(models.Model):
    """One firing of one schedule. The unique insert decides which of several beats acts."""

    schedule = models.CharField(max_length=100)
    fire_time = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["schedule", "fire_time"], name="fire_once")]

    def __str__(self) -> str:
        return f"{self.schedule} at {self.fire_time:%Y-%m-%d %H:%M:%S}"
