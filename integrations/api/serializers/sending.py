from __future__ import annotations

from rest_framework import serializers

from integrations.api.queries import Body
from integrations.sync.push.models import OutboundWrite


class OutgoingSerializer(serializers.Serializer):
    """How one resource is sent."""

    resource = serializers.CharField(source="resource.name")
    sends = serializers.BooleanField(help_text="What changes here is changed there.")
    creates = serializers.BooleanField(help_text="What is only here is created there.")
    comparing = serializers.BooleanField(help_text="All records are being compared once; nothing is sent until then.")
    asks = serializers.BooleanField(help_text="The first changes are many: a planned run waits for approval.")
    waiting = serializers.IntegerField(help_text="Records that wait to be sent.")
    refused = serializers.IntegerField(help_text="Records that the vendor did not take.")
    doubtful = serializers.IntegerField(help_text="Records of which nobody knows whether they arrived.")


class OutgoingsSerializer(serializers.Serializer):
    results = OutgoingSerializer(many=True)


class SampleFieldSerializer(serializers.Serializer):
    """Any value, nothing among them: a schema that said so twice would refuse it."""

    field = serializers.CharField(allow_blank=True)
    there = serializers.JSONField(help_text="What both sides last agreed on.")
    here = serializers.JSONField(help_text="What is here now.")


class DifferingRecordSerializer(serializers.Serializer):
    external_id = serializers.CharField()
    record_id = serializers.UUIDField()
    fields_that_differ = SampleFieldSerializer(many=True)


class SendingDifferenceSerializer(serializers.Serializer):
    linked = serializers.IntegerField(help_text="Records that are on both sides.")
    compared = serializers.IntegerField(help_text="How many of them were compared: the first 2,000.")
    differ = serializers.IntegerField(help_text="How many of those would be changed there.")
    only_here = serializers.IntegerField(allow_null=True, help_text="Null where nothing can be created there.")
    samples = DifferingRecordSerializer(many=True)


class OutgoingDetailSerializer(OutgoingSerializer):
    difference = SendingDifferenceSerializer(
        allow_null=True, help_text="While it does not send: what sending would change first."
    )


class SendingWishSerializer(Body):
    sends = serializers.BooleanField()
    creates = serializers.BooleanField(default=False, help_text="Create there what is only here, too.")
    confirm = serializers.BooleanField(
        default=False, help_text="The difference has been looked at. Nothing is switched on without it."
    )


class WriteSerializer(serializers.ModelSerializer):
    class Meta:
        model = OutboundWrite
        fields = (
            "id", "resource", "record_id", "external_id", "op", "state", "version", "attempts", "answer", "created_at",
            "sent_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields


class WritePageSerializer(serializers.Serializer):
    results = WriteSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")


class WriteQuerySerializer(serializers.Serializer):
    state = serializers.ChoiceField(choices=OutboundWrite.State.choices, required=False)


class RetrySendingSerializer(Body):
    writes = serializers.ListField(
        child=serializers.UUIDField(), required=False, max_length=500, help_text="Only these; all when absent."
    )


class RetriedSerializer(serializers.Serializer):
    retried = serializers.IntegerField()
