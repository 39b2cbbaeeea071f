from __future__ import annotations

from rest_framework import serializers

from integrations.api.queries import Body
from integrations.sync.models import RecordLink


class RecordNameSerializer(serializers.Serializer):
    """What a record is called in one connection."""

    connection = serializers.UUIDField()
    provider = serializers.CharField()
    resource = serializers.CharField()
    external_id = serializers.CharField()
    state = serializers.ChoiceField(choices=RecordLink.State.choices)


class RecordSerializer(serializers.Serializer):
    id = serializers.UUIDField(help_text="Our id of the record, stable for life; after a merge it leads to the other.")
    external_id = serializers.CharField(help_text="The vendor's id.")
    resource = serializers.CharField()
    target = serializers.CharField(help_text="What it is here.")
    schema = serializers.CharField(help_text="URN of the canonical schema of `data`; see /schemas.")
    state = serializers.ChoiceField(choices=RecordLink.State.choices)
    first_seen = serializers.DateTimeField()
    last_changed = serializers.DateTimeField()
    version = serializers.IntegerField(help_text="Grows with every change here; 0 where our row was deleted.")
    data = serializers.DictField(help_text="The record in canonical form.")
    links = RecordNameSerializer(many=True, help_text="Every connection that knows it.")


class RecordPageSerializer(serializers.Serializer):
    results = RecordSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")


class MergedSerializer(serializers.Serializer):
    id = serializers.UUIDField(help_text="The id that was asked for.")
    merged_into = serializers.UUIDField(help_text="Our id of the record that it became.")
    url = serializers.CharField(help_text="Its address, also in Location.")
    detail = serializers.CharField(help_text="A sentence for people.")


class ActionRequestSerializer(Body):
    input = serializers.DictField(help_text="Checked against the action's JSON Schema.")
    confirm = serializers.BooleanField(default=False, help_text="Must be true for an irreversible action.")


class ActionAnswerSerializer(serializers.Serializer):
    result = serializers.DictField(help_text="What the vendor answered.")
