from __future__ import annotations

from rest_framework import serializers

from integrations.api.queries import Body
from integrations.sync import schedules
from integrations.sync.resets import MODES


class ScheduleSerializer(serializers.Serializer):
    resource = serializers.CharField()
    enabled = serializers.BooleanField()
    every_seconds = serializers.IntegerField(help_text="How often it is read.")
    chosen = serializers.BooleanField(help_text="False: as the integration says.")
    shortest_seconds = serializers.IntegerField(help_text="How often it may be read at most.")
    longest_seconds = serializers.IntegerField()
    sweep_days = serializers.IntegerField(help_text="So many days are read once more each night; 0 = none.")
    next_at = serializers.DateTimeField(
        allow_null=True, help_text="Null while it is off, or the connection cannot be used."
    )
    words = serializers.CharField()


class SchedulesSerializer(serializers.Serializer):
    results = ScheduleSerializer(many=True)


class ScheduleChoiceSerializer(Body):
    every_seconds = serializers.IntegerField(
        required=False,
        default=None,
        allow_null=True,
        min_value=int(schedules.SHORTEST.total_seconds()),
        max_value=int(schedules.LONGEST.total_seconds()),
        help_text="Null: as the integration says.",
    )
    enabled = serializers.BooleanField(required=False, default=True)
    sweep_days = serializers.IntegerField(required=False, default=3, min_value=0, max_value=schedules.MOST_SWEEP_DAYS)


class ResetSerializer(Body):
    mode = serializers.ChoiceField(
        choices=[(mode, mode) for mode in MODES],
        help_text="`cursor`: the next run reads everything. `compare`: everything is read now, and compared.",
    )


class ResetDoneSerializer(serializers.Serializer):
    resource = serializers.CharField()
    run = serializers.UUIDField(allow_null=True, help_text="The run that was queued, where one was.")


class DriftSerializer(serializers.Serializer):
    path = serializers.CharField(help_text="Where it stood in the vendor's record.")
    problem = serializers.ChoiceField(choices=["missing", "kind"])
    was = serializers.CharField(help_text="The share of records it came in, or what kind of value it was.")
    now = serializers.CharField(help_text="In none of so many records, or what kind of value it is.")
    since = serializers.DateTimeField()


class DriftDismissSerializer(Body):
    path = serializers.CharField(max_length=300)


class DriftDismissedSerializer(serializers.Serializer):
    resource = serializers.CharField()
    drift = DriftSerializer(many=True)
