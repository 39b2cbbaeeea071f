from __future__ import annotations

from typing import Any

from rest_framework import serializers

from integrations.api.queries import Body
from integrations.outbound import replay
from integrations.outbound.models import Attempt, Delivery, Endpoint

MOST_PATTERNS = 100
_EVENTS = "Types of event, or patterns: member.updated, member.*, or * for all."
_FILTER = "Only events whose data hold these values: a dotted path and a text, whole number, true, false or null each."


def _patterns(**more: Any) -> serializers.ListField:
    child = serializers.CharField(max_length=100)
    return serializers.ListField(child=child, allow_empty=False, max_length=MOST_PATTERNS, help_text=_EVENTS, **more)


class WebhookSerializer(serializers.ModelSerializer):
    events = serializers.ListField(child=serializers.CharField(), help_text=_EVENTS)
    filter = serializers.DictField(help_text=_FILTER)

    class Meta:
        model = Endpoint
        fields = (
            "id", "url", "description", "events", "filter", "version", "enabled", "disabled_because", "failing_since",
            "last_success_at", "last_failure_at", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class WebhookWithSecretSerializer(WebhookSerializer):
    secret = serializers.CharField(help_text="What deliveries are signed with. It is shown this once.")

    class Meta(WebhookSerializer.Meta):
        fields = (*WebhookSerializer.Meta.fields, "secret")
        read_only_fields = fields


class WebhookPageSerializer(serializers.Serializer):
    results = WebhookSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")


class NewWebhookSerializer(Body):
    url = serializers.CharField(max_length=2_000, help_text="https, on a public host.")
    events = _patterns()
    description = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    filter = serializers.DictField(required=False, default=dict, help_text=_FILTER)


class WebhookChangeSerializer(Body):
    url = serializers.CharField(max_length=2_000, required=False)
    events = _patterns(required=False)
    description = serializers.CharField(max_length=200, required=False, allow_blank=True)
    filter = serializers.DictField(required=False, help_text=_FILTER)
    enabled = serializers.BooleanField(required=False)


class SecretSerializer(serializers.Serializer):
    secret = serializers.CharField(help_text="The new one, shown this once.")
    older_until = serializers.DateTimeField(help_text="Until then the one before signs as well.")


class AttemptSerializer(serializers.ModelSerializer):
    status = serializers.IntegerField(allow_null=True, help_text="HTTP status; null where no answer came.")
    answer = serializers.CharField(help_text="The first kilobyte of it.")

    class Meta:
        model = Attempt
        fields = ("at", "ok", "status", "milliseconds", "answer", "error")
        read_only_fields = fields


class DeliverySerializer(serializers.ModelSerializer):
    event = serializers.CharField(source="event.public_id", help_text="The `webhook-id` it is sent with.")
    type = serializers.CharField(source="event.type")
    event_at = serializers.DateTimeField(source="event.at")

    class Meta:
        model = Delivery
        fields = (
            "id", "event", "type", "event_at", "state", "tries", "next_at", "status", "error", "ended_at",
        )  # fmt: skip
        read_only_fields = fields


class DeliveryWithAttemptsSerializer(DeliverySerializer):
    attempts = AttemptSerializer(many=True, help_text="The newest first.")

    class Meta(DeliverySerializer.Meta):
        fields = (*DeliverySerializer.Meta.fields, "attempts")
        read_only_fields = fields


class DeliveryPageSerializer(serializers.Serializer):
    results = DeliverySerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")


class DeliveryQuerySerializer(serializers.Serializer):
    state = serializers.ChoiceField(choices=Delivery.State.choices, required=False)


class ReplaySerializer(Body):
    which = serializers.ChoiceField(choices=list(replay.KINDS.items()))
    since = serializers.DateTimeField(required=False, help_text="Only events since then; `since` needs it.")
    dry_run = serializers.BooleanField(default=False, help_text="Only say how many it would be.")


class ReplayedSerializer(serializers.Serializer):
    number = serializers.IntegerField(help_text="How many deliveries are sent again, or would be.")
    dry_run = serializers.BooleanField()


class EventTypeSerializer(serializers.Serializer):
    name = serializers.CharField()
    description = serializers.CharField()
    version = serializers.IntegerField()
    target = serializers.CharField(help_text="What the record is; empty for the platform's own events.")
    schema = serializers.DictField(help_text="JSON Schema of the event's `data`.")


class EventTypeListSerializer(serializers.Serializer):
    results = EventTypeSerializer(many=True)
