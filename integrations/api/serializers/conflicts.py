from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty

from integrations.api.queries import Body
from integrations.conflicts.models import Conflict

MOST_AT_ONCE = 1_000


class AnyValueField(serializers.JSONField):
    """A canonical value: text, a number, an amount, a list, or null for nothing. Null is one of them, so the description, which
    says that anything may stand here, need not say it again."""

    def run_validation(self, data: Any = empty) -> Any:
        return None if data is None else super().run_validation(data)


class ConflictSerializer(serializers.Serializer):
    """A field that was changed here and at the vendor, differently, and waits for a decision or got one."""

    id = serializers.UUIDField()
    connection = serializers.UUIDField()
    resource = serializers.CharField()
    target = serializers.CharField(help_text="What the record is here.")
    record_id = serializers.UUIDField(help_text="Our id of the record.")
    field = serializers.CharField(help_text="The canonical field.")
    part = serializers.ListField(
        child=serializers.CharField(), help_text="The key of one of several keyed children; empty for the whole field."
    )
    agreed = serializers.BooleanField(help_text="False: the two were just matched, and `base` says nothing.")
    base = AnyValueField(help_text="What both sides last agreed on.")
    ours = AnyValueField(help_text="What is here now.")
    theirs = AnyValueField(help_text="What the vendor says.")
    ours_by = serializers.CharField(
        allow_blank=True, help_text="Who changed it here; empty when it changed since the sync."
    )
    ours_at = serializers.DateTimeField(allow_null=True)
    theirs_at = serializers.DateTimeField(allow_null=True)
    state = serializers.ChoiceField(choices=Conflict.State.choices)
    resolution = serializers.ChoiceField(choices=Conflict.Resolution.choices, allow_blank=True)
    value = AnyValueField(help_text="The value that was given with the resolution `value`.")
    resolved_by = serializers.CharField(allow_blank=True)
    resolved_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField(help_text="When what there is to decide last changed.")
    stamp = serializers.CharField(help_text="Goes with a decision: it is refused when either side changed since.")


class ConflictPageSerializer(serializers.Serializer):
    results = ConflictSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")


class ConflictQuerySerializer(serializers.Serializer):
    resource = serializers.CharField(max_length=60, required=False, help_text="Only its conflicts.")
    field = serializers.CharField(max_length=100, required=False, help_text="Only of this canonical field.")
    state = serializers.ChoiceField(choices=Conflict.State.choices, default=Conflict.State.OPEN)


class DecisionSerializer(Body):
    resolution = serializers.ChoiceField(choices=Conflict.Resolution.choices)
    value = AnyValueField(required=False, help_text="For the resolution `value`: a canonical value, null for nothing.")
    stamp = serializers.CharField(max_length=16, help_text="Of the conflict as you saw it.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = "value" in attrs
        if given and attrs["resolution"] != Conflict.Resolution.VALUE:
            raise serializers.ValidationError({"value": "A value goes only with the resolution 'value'."})
        if not given and attrs["resolution"] == Conflict.Resolution.VALUE:
            raise serializers.ValidationError({"value": "Give the value, or null for nothing."})
        return attrs


class SeenConflictSerializer(Body):
    id = serializers.UUIDField()
    stamp = serializers.CharField(max_length=16)


class DecisionsSerializer(Body):
    side = serializers.ChoiceField(choices=["ours", "theirs"])
    conflicts = SeenConflictSerializer(many=True, max_length=MOST_AT_ONCE, allow_empty=False)


class RefusedConflictSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    detail = serializers.CharField(help_text="Why it stays as it is.")


class DecidedSerializer(serializers.Serializer):
    resolved = serializers.ListField(child=serializers.UUIDField())
    refused = RefusedConflictSerializer(many=True)
