from __future__ import annotations

from rest_framework import serializers

from integrations.api.queries import Body
from integrations.sync.models import SyncRun

from .connections import ResourceStateSerializer


class SyncRequestSerializer(Body):
    full = serializers.BooleanField(default=False, help_text="Read everything, not only what changed.")


class RunSerializer(serializers.ModelSerializer):
    connection = serializers.UUIDField(source="connection_id")

    class Meta:
        model = SyncRun
        fields = (
            "id", "connection", "resource", "state", "trigger", "full", "total", "fetched", "created", "updated",
            "unchanged", "deleted", "quarantined", "message", "created_at", "started_at", "progress_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields


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

    class Meta(ResourceStateSerializer.Meta):
        fields = (*ResourceStateSerializer.Meta.fields, "run")
        read_only_fields = fields


class SyncStatusSerializer(serializers.Serializer):
    connection = serializers.UUIDField()
    running = serializers.BooleanField(help_text="Whether any run is queued or under way.")
    resources = ResourceStatusSerializer(many=True)
