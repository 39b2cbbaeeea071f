from __future__ import annotations

from rest_framework import serializers

from integrations.api.queries import Body
from integrations.mapping.models import FieldMapping


class SettingsSerializer(Body):
    settings = serializers.DictField()


class SettingsAnswerSerializer(SettingsSerializer):
    schema = serializers.DictField(help_text="JSON Schema of the settings.")


class FieldSerializer(serializers.Serializer):
    """How one canonical field of one resource is filled."""

    resource = serializers.CharField()
    field = serializers.CharField()
    kind = serializers.ChoiceField(choices=["field", "list", "constant"], help_text="A constant cannot be changed.")
    source = serializers.CharField(
        allow_blank=True, help_text="Dotted path in the vendor's record, several joined by commas; empty: not taken."
    )
    default_source = serializers.CharField(allow_blank=True, help_text="The provider's own path.")
    owner = serializers.ChoiceField(choices=FieldMapping.Owner.choices, help_text="Who wins when both changed.")
    write = serializers.ChoiceField(choices=FieldMapping.Write.choices, help_text="What an incoming value does.")
    required = serializers.BooleanField()
    overridden = serializers.BooleanField(help_text="Whether this connection deviates from the provider's mapping.")


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
