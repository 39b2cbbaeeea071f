"""A provider as the API shows it, with this chapter's connections to it."""

from __future__ import annotations

from rest_framework import serializers

from integrations.provider import CATEGORIES

from .connections import ConnectionSerializer


class CatalogueQuerySerializer(serializers.Serializer):
    category = serializers.ChoiceField(choices=list(CATEGORIES.items()), required=False)
    search = serializers.CharField(max_length=100, required=False, help_text="Words in the name or the summary.")
    connected = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="Only those that are connected, or only those not."
    )


class AuthFieldSerializer(serializers.Serializer):
    name = serializers.CharField()
    label = serializers.CharField()
    secret = serializers.BooleanField()
    hint = serializers.CharField(allow_blank=True)
    pattern = serializers.CharField(allow_blank=True)


class AuthSerializer(serializers.Serializer):
    kind = serializers.CharField()
    label = serializers.CharField()
    fields = AuthFieldSerializer(many=True, help_text="What `connect` takes in `fields`; none where one signs in.")


class ResourceSerializer(serializers.Serializer):
    name = serializers.CharField()
    label = serializers.CharField()
    target = serializers.CharField(help_text="What a record becomes here.")
    schema = serializers.CharField(help_text="URN of the canonical schema of its records.")
    writable = serializers.BooleanField(help_text="Whether records can be created at the vendor.")
    every_seconds = serializers.IntegerField(help_text="How often it is read when nobody asks.")


class ActionSerializer(serializers.Serializer):
    name = serializers.CharField()
    label = serializers.CharField()
    irreversible = serializers.BooleanField()
    input = serializers.DictField(help_text="JSON Schema of the input.")


class IntegrationSerializer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    category = serializers.ChoiceField(choices=list(CATEGORIES.items()))
    summary = serializers.CharField(allow_blank=True)
    website = serializers.URLField()
    auth_kinds = serializers.ListField(child=serializers.CharField())
    resources = serializers.ListField(child=serializers.CharField())
    actions = serializers.ListField(child=serializers.CharField())
    connected = serializers.BooleanField()
    connections = ConnectionSerializer(many=True)


class IntegrationListSerializer(serializers.Serializer):
    results = IntegrationSerializer(many=True)


class IntegrationDetailSerializer(IntegrationSerializer):
    auth = AuthSerializer(many=True)
    resources = ResourceSerializer(many=True)
    actions = ActionSerializer(many=True)
    settings = serializers.DictField(help_text="JSON Schema of what a chapter may choose.")
    setup = serializers.ListField(child=serializers.CharField(), help_text="How to connect, step by step.")
    regions = serializers.ListField(child=serializers.CharField(), help_text="Where the vendor keeps the data.")
    api_version = serializers.CharField(allow_blank=True)
