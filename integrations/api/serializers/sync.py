from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from rest_framework import serializers

from integrations.api.queries import Body
from integrations.sync import pace
from integrations.sync.models import SyncRun

from .connections import ResourceStateSerializer
from .schedules import DriftSerializer


class SyncRequestSerializer(Body):
    full = serializers.BooleanField(default=False, help_text="Read everything, not only what changed.")
    plan = serializers.BooleanField(
        default=False, help_text="Only show what would happen: the run ends as `planned`, and nothing is written."
    )


class RunSerializer(serializers.ModelSerializer):
    connection = serializers.UUIDField(source="connection_id")
    decision = serializers.CharField(help_text="approved, rejected, replaced; empty while nobody has decided.")
    undoes = serializers.UUIDField(source="undoes_id", allow_null=True, help_text="The run that this one takes back.")
    phase = serializers.SerializerMethodField(
        help_text="queued, reading, waiting (for the vendor's budget, until `resumes_at`) or over."
    )
    remaining = serializers.SerializerMethodField(
        help_text="Records to come, where the vendor says how many there are."
    )
    ends_at = serializers.SerializerMethodField(help_text="When it will probably be over.")
    summary = serializers.SerializerMethodField(help_text="How far it is, in a sentence.")

    class Meta:
        model = SyncRun
        fields = (
            "id", "connection", "resource", "kind", "undoes", "state", "trigger", "full", "plan_only", "decision", "total",
            "fetched", "created", "updated", "unchanged", "deleted", "quarantined", "held", "conflicts", "sent", "refused",
            "pages", "phase", "rate", "remaining", "ends_at", "resumes_at", "summary", "message", "created_at",
            "started_at", "progress_at",
            "finished_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_phase(self, run: SyncRun) -> str:
        return pace.progress(run, timezone.now()).phase

    def get_remaining(self, run: SyncRun) -> int | None:
        return pace.progress(run, timezone.now()).remaining

    def get_ends_at(self, run: SyncRun) -> datetime | None:
        return pace.progress(run, timezone.now()).ends_at

    def get_summary(self, run: SyncRun) -> str:
        return pace.sentence(run, timezone.now())


class RunsSerializer(serializers.Serializer):
    runs = RunSerializer(many=True)


class RunPageSerializer(serializers.Serializer):
    results = RunSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")


class RunQuerySerializer(serializers.Serializer):
    resource = serializers.CharField(max_length=60, required=False, help_text="Only its runs.")
    state = serializers.ChoiceField(choices=SyncRun.State.choices, required=False)


class ResourceStatusSerializer(ResourceStateSerializer):
    run = RunSerializer(allow_null=True, help_text="The newest run.")
    drift = DriftSerializer(many=True, help_text="What the vendor no longer sends as it did.")

    class Meta(ResourceStateSerializer.Meta):
        fields = (*ResourceStateSerializer.Meta.fields, "drift", "run")
        read_only_fields = fields


class SyncStatusSerializer(serializers.Serializer):
    connection = serializers.UUIDField()
    running = serializers.BooleanField(help_text="Whether any run is queued or under way.")
    resources = ResourceStatusSerializer(many=True)
