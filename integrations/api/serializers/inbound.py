from __future__ import annotations

from rest_framework import serializers

from integrations.api.queries import Body
from integrations.inbound.models import InboundEvent

MOST_IDS = 1_000


class WebhookAddressSerializer(serializers.Serializer):
    url = serializers.URLField(
        allow_null=True, help_text="Where the vendor delivers to. Without a token that it may hold."
    )
    for_all = serializers.BooleanField(help_text="One address serves every chapter; the hub's operator looks after it.")
    signed = serializers.BooleanField(help_text="The vendor signs: its secret has to be known here.")
    ready = serializers.BooleanField(help_text="Whether anything can be accepted.")


class SigningSecretSerializer(Body):
    secret = serializers.CharField(
        min_length=8, max_length=500, help_text="As the vendor shows it. The one before is taken for 24 hours more."
    )


class InboundEventSerializer(serializers.ModelSerializer):
    run = serializers.UUIDField(source="run_id", allow_null=True, help_text="The run that read what changed.")

    class Meta:
        model = InboundEvent
        fields = (
            "id", "topic", "resource", "record", "state", "note", "attempts", "received_at", "done_at", "run",
        )  # fmt: skip
        read_only_fields = fields


class InboundEventDetailSerializer(InboundEventSerializer):
    payload = serializers.CharField(
        source="told",
        allow_null=True,
        help_text="The event as it came, as JSON text; null where that can no longer be opened.",
    )

    class Meta(InboundEventSerializer.Meta):
        fields = (*InboundEventSerializer.Meta.fields, "payload")
        read_only_fields = fields


class InboundEventPageSerializer(serializers.Serializer):
    results = InboundEventSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")


class InboundQuerySerializer(Body):
    state = serializers.ChoiceField(choices=InboundEvent.State.choices, required=False)


class InboundReplaySerializer(Body):
    """Without `ids` and `since`: those that failed."""

    ids = serializers.ListField(
        child=serializers.UUIDField(), max_length=MOST_IDS, required=False, help_text="Only these."
    )
    since = serializers.DateTimeField(required=False, help_text="Only what was received since then.")


class InboundReplayedSerializer(serializers.Serializer):
    replayed = serializers.IntegerField()
