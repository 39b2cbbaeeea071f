"""Durable work: the truth about what is due. Celery carries only a job's id."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q


class Job(models.Model):
    """One piece of work that is due. `(chapter, kind, key)` is unique while ready, so repeated wishes coalesce.

    No foreign key to Chapter: a job outlives its chapter and is then found dead, never run in the hub.
    A job without a chapter is the hub's own.
    """

    class State(models.TextChoices):
        READY = "ready", "Ready"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        DEAD = "dead", "Dead letter"

    id = models.BigAutoField(primary_key=True)
    chapter_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=60)
    key = models.CharField(max_length=200, blank=True, default="")
    payload = models.JSONField(default=dict)
    priority = models.SmallIntegerField(default=5, help_text="Smaller runs first within its chapter")
    state = models.CharField(max_length=8, choices=State, default=State.READY)
    run_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=8)
    lease_until = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    last_error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["chapter_id", "kind", "key"],
                condition=Q(state="ready"),
                nulls_distinct=False,
                name="job_one_ready_wish",
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["chapter_id", "priority", "run_at"], condition=Q(state="ready"), name="job_ready"),
            models.Index(fields=["run_at"], condition=Q(state="ready"), name="job_due"),
            models.Index(fields=["lease_until"], condition=Q(state="running"), name="job_running"),
            models.Index(fields=["-finished_at"], condition=Q(state="dead"), name="job_dead"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key} ({self.state})"


class Turn(models.Model):
    """When each chapter was last given a worker: the next claim goes to the one that waited longest."""

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
            models.UniqueConstraint(fields=["connection_id", "resource"], name="due_one_per_resource")
        ]


class Fire(models.Model):
    """One firing of one schedule. The unique insert decides which of several beats acts."""

    schedule = models.CharField(max_length=100)
    fire_time = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["schedule", "fire_time"], name="fire_once")]
