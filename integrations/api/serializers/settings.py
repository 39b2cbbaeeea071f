from __future__ import annotations

from rest_framework import serializers

from integrations.api.queries import Body
from integrations.mapping.models import FieldMapping


class SettingsSerializer(Body):
    settings = serializers.DictField()


class SettingsAnswerSerializer(SettingsSerializer):
    schema = serializers.DictField(help_text="JSON Schema of the settings.")


class FieldSerializer(serializers.Serializer):
    """How one canonical field of one resource is filled. `source` is a dotted path in the vendor's record."""

    resource = serializers.CharField(max_length=60)
    field = serializers.CharField(max_length=100)
    sources = serializers.ListField(child=serializers.CharField())
    ref = serializers.CharField(allow_null=True, help_text="The resource whose record this field points to.")
    required = serializers.BooleanField()
    owner = serializers.ChoiceField(choices=FieldMapping.Owner.choices)
    write = serializers.ChoiceField(choices=FieldMapping.Write.choices)
    changed = serializers.BooleanField(help_text="Whether this connection deviates from the provider's mapping.")


class MappingSerializer(serializers.Serializer):
    mappings = FieldSerializer(many=True)


class DeviationSerializer(Body):
    """A deviation from the provider's mapping. `source`: a dotted path (several joined by commas, for a field made of several);
    empty: the field is not taken; absent: the provider's."""

    resource = serializers.CharField(max_length=60)
    field = serializers.CharField(max_length=100)
    source = serializers.CharField(max_length=200, required=False, allow_blank=True, allow_null=True, default=None)
    owner = serializers.ChoiceField(choices=FieldMapping.Owner.choices, required=False)
    write = serializers.ChoiceField(choices=FieldMapping.Write.choices, required=False)


class DeviationsSerializer(Body):
    mappings = DeviationSerializer(many=True, max_length=500)
