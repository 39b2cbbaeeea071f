"""Field mappings: how each canonical field is filled, the deviations that are saved, their versions, and what they would do."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from integrations.api.queries import Body
from integrations.mapping.formulas import LONGEST
from integrations.mapping.lookups import LONGEST_VALUE, MOST_ROWS
from integrations.mapping.models import FieldMapping, MappingVersion
from integrations.mapping.rules import LONGEST_SOURCE

_SCALAR = [{"type": "string", "maxLength": LONGEST_VALUE}, {"type": "integer"}, {"type": "boolean"}]


@extend_schema_field({"oneOf": _SCALAR})
class Scalar(serializers.Field):
    """A text, a whole number, or true or false."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, (str, int)):
            raise serializers.ValidationError("This is a text, a whole number, or true or false.")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class RowSerializer(Body):
    theirs = Scalar()
    ours = Scalar()


class FieldSerializer(serializers.Serializer):
    """How one canonical field of one resource is filled."""

    resource = serializers.CharField()
    field = serializers.CharField()
    kind = serializers.ChoiceField(choices=["field", "list", "constant"], help_text="A constant cannot be changed.")
    transform = serializers.ChoiceField(choices=FieldMapping.Transform.choices, help_text="What makes the value.")
    source = serializers.CharField(
        allow_blank=True, help_text="Dotted path in the vendor's record, several joined by commas; empty: not taken."
    )
    default_source = serializers.CharField(allow_blank=True, help_text="The provider's own path.")
    table = RowSerializer(many=True, help_text="Of a lookup.")
    otherwise = Scalar(allow_null=True, help_text="Ours for what stands in no row; null: the record is set aside.")
    formula = serializers.CharField(allow_blank=True, help_text="An expression over the vendor's record.")
    formula_out = serializers.CharField(
        allow_blank=True, help_text="An expression over ours, written to `source`; empty: not sent."
    )
    direction = serializers.ChoiceField(choices=FieldMapping.Direction.choices)
    owner = serializers.ChoiceField(choices=FieldMapping.Owner.choices, help_text="Who wins when both changed.")
    write = serializers.ChoiceField(choices=FieldMapping.Write.choices, help_text="What an incoming value does.")
    write_out = serializers.ChoiceField(choices=FieldMapping.WriteOut.choices, help_text="What a value we send does.")
    required = serializers.BooleanField()
    overridden = serializers.BooleanField(help_text="Whether this connection deviates from the provider's mapping.")
    warnings = serializers.ListField(child=serializers.CharField(), help_text="What will not be sent, and why.")


class MappingSerializer(serializers.Serializer):
    mappings = FieldSerializer(many=True)


class FieldDeviationSerializer(Body):
    """A field that deviates from the provider's mapping; what is absent is as the provider says. `source`: a dotted path
    (several joined by commas, for a field made of several); empty: the field is not taken."""

    field = serializers.CharField(max_length=100)
    transform = serializers.ChoiceField(choices=FieldMapping.Transform.choices, required=False)
    source = serializers.CharField(
        max_length=LONGEST_SOURCE, required=False, allow_blank=True, allow_null=True, default=None
    )
    table = RowSerializer(many=True, required=False, max_length=MOST_ROWS)
    otherwise = Scalar(required=False, allow_null=True)
    formula = serializers.CharField(max_length=LONGEST, required=False, allow_blank=True)
    formula_out = serializers.CharField(max_length=LONGEST, required=False, allow_blank=True)
    direction = serializers.ChoiceField(choices=FieldMapping.Direction.choices, required=False)
    owner = serializers.ChoiceField(choices=FieldMapping.Owner.choices, required=False)
    write = serializers.ChoiceField(choices=FieldMapping.Write.choices, required=False)
    write_out = serializers.ChoiceField(choices=FieldMapping.WriteOut.choices, required=False)


class DeviationSerializer(FieldDeviationSerializer):
    resource = serializers.CharField(max_length=60)


class ReapplySerializer(Body):
    reapply = serializers.BooleanField(
        default=True,
        help_text="Read everything again and compare; false: a record that is here stays as it is until it changes there.",
    )


class DeviationsSerializer(ReapplySerializer):
    mappings = DeviationSerializer(many=True, max_length=500)
    note = serializers.CharField(max_length=200, default="", allow_blank=True, help_text="Kept with the version.")


class TrySerializer(Body):
    """The deviations of one resource, as they would be."""

    resource = serializers.CharField(max_length=60)
    mappings = FieldDeviationSerializer(many=True, max_length=500)


class FieldPreviewSerializer(serializers.Serializer):
    field = serializers.CharField()
    theirs = serializers.CharField(allow_blank=True, help_text="What stands there.")
    now = serializers.CharField(allow_blank=True, help_text="What the mapping in force makes of it.")
    then = serializers.CharField(allow_blank=True, help_text="What this one would.")
    error_now = serializers.CharField(allow_blank=True)
    error_then = serializers.CharField(allow_blank=True)
    changes = serializers.BooleanField()


class RecordPreviewSerializer(serializers.Serializer):
    key = serializers.CharField(allow_blank=True, help_text="The vendor's id.")
    fields_ = FieldPreviewSerializer(many=True)
    errors_ = serializers.ListField(
        child=serializers.CharField(), help_text="What would set the record aside as a whole."
    )

    def get_fields(self) -> dict[str, Any]:
        """`fields` and `errors` are names of the serializer's own."""
        found = super().get_fields()
        return {name.removesuffix("_"): one for name, one in found.items()}


class PreviewSerializer(serializers.Serializer):
    records = RecordPreviewSerializer(many=True)
    message = serializers.CharField(allow_blank=True, help_text="Why there are none.")


class VersionSerializer(serializers.ModelSerializer):
    mappings = serializers.SerializerMethodField(help_text="The fields that deviated.")

    class Meta:
        model = MappingVersion
        fields = ("resource", "number", "created_at", "who", "note", "reapplied", "mappings")
        read_only_fields = fields

    @extend_schema_field(FieldDeviationSerializer(many=True))
    def get_mappings(self, version: MappingVersion) -> list[dict[str, Any]]:
        return [
            {"field": field, **columns, "table": rows_of(columns.get("table", ()))}
            for field, columns in sorted(version.snapshot.items())
        ]


class VersionPageSerializer(serializers.Serializer):
    results = VersionSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")


class ComparedSerializer(serializers.Serializer):
    version = VersionSerializer()
    compared_with = serializers.IntegerField(
        allow_null=True, help_text="A version's number; null: there is none before."
    )
    differences = serializers.ListField(child=serializers.CharField(), help_text="In words.")


class ComparedQuerySerializer(serializers.Serializer):
    compared_with = serializers.IntegerField(
        min_value=1,
        max_value=999_999_999,
        required=False,
        help_text="Another version's number; the one before when absent.",
    )


def rows_of(table: Any) -> list[dict[str, Any]]:
    return [{"theirs": theirs, "ours": ours} for theirs, ours in table]
