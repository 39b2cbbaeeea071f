from __future__ import annotations

from rest_framework import serializers


class CanonicalSchemaSerializer(serializers.Serializer):
    urn = serializers.CharField()
    target = serializers.CharField()
    label = serializers.CharField()
    url = serializers.CharField()


class CanonicalSchemaListSerializer(serializers.Serializer):
    results = CanonicalSchemaSerializer(many=True)
