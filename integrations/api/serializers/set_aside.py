from __future__ import annotations

from rest_framework import serializers

from integrations.api.queries import Body
from integrations.sync.models import QuarantinedRecord, QuarantineRetry

MOST_IDS = 1_000


class ReasonSerializer(serializers.Serializer):
    field = serializers.CharField(allow_blank=True, default="", help_text="The canonical field; empty for the record.")
    message = serializers.CharField()


class SetAsideSerializer(serializers.ModelSerializer):
    reasons = ReasonSerializer(many=True)
    run = serializers.UUIDField(source="run_id", allow_null=True, help_text="The run that set it aside.")

    class Meta:
        model = QuarantinedRecord
        fields = (
            "id", "resource", "external_id", "reasons", "run", "tries", "tried_at", "created_at", "resolved_at",
            "dismissed_because",
        )  # fmt: skip
        read_only_fields = fields


class SetAsideRecordSerializer(SetAsideSerializer):
    class Meta(SetAsideSerializer.Meta):
        fields = (*SetAsideSerializer.Meta.fields, "form", "body")
        read_only_fields = fields


class SetAsidePageSerializer(serializers.Serializer):
    results = SetAsideSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")


class WhichSerializer(Body):
    """Which of the open ones. A name that is left out does not narrow."""

    resource = serializers.CharField(max_length=60, required=False, default="", allow_blank=True)
    field = serializers.CharField(
        max_length=200, required=False, allow_blank=True, help_text="With `message`: only those with this reason."
    )
    message = serializers.CharField(max_length=500, required=False, help_text="As `reasons` lists it.")
    since = serializers.DateTimeField(required=False, help_text="Only what was set aside since then.")


class SelectedSerializer(WhichSerializer):
    ids = serializers.ListField(
        child=serializers.UUIDField(), max_length=MOST_IDS, required=False, help_text="Only these."
    )


class DismissSerializer(SelectedSerializer):
    because = serializers.CharField(max_length=300, help_text="Why: whoever looks at it next wants to know.")


class DismissedSerializer(serializers.Serializer):
    dismissed = serializers.IntegerField()


class SetAsideReasonSerializer(serializers.Serializer):
    resource = serializers.CharField()
    field = serializers.CharField(allow_blank=True, help_text="A place in a list stands as `*`.")
    message = serializers.CharField(allow_blank=True)
    count = serializers.IntegerField(help_text="How many records.")


class ReasonCountsSerializer(serializers.Serializer):
    results = SetAsideReasonSerializer(many=True)


class RetrySerializer(serializers.ModelSerializer):
    connection = serializers.UUIDField(source="connection_id")
    state = serializers.ChoiceField(choices=QuarantineRetry.State.choices)

    class Meta:
        model = QuarantineRetry
        fields = (
            "id", "connection", "resource", "state", "total", "tried", "taken", "message", "created_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields
