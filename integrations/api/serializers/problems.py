from __future__ import annotations

from rest_framework import serializers


class ProblemErrorSerializer(serializers.Serializer):
    """One thing that is wrong, and where."""

    detail = serializers.CharField(help_text="A sentence for people.")
    pointer = serializers.CharField(
        required=False, allow_blank=True, help_text="JSON Pointer into the body; empty is the whole body."
    )
    parameter = serializers.CharField(required=False, help_text="The query parameter.")
    header = serializers.CharField(required=False, help_text="The request header.")


class ProblemConnectionSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    url = serializers.CharField(help_text="The address that means this connection and no other.")


class ProblemSerializer(serializers.Serializer):
    """RFC 9457 problem details: the body of every error."""

    type = serializers.CharField(help_text="`urn:chapterhouse:problem:<kind>`, or `about:blank`.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField(help_text="The path that was asked for.")
    errors = ProblemErrorSerializer(many=True)
    connections = ProblemConnectionSerializer(
        many=True, required=False, help_text="With `several-connections`: the ones to choose from."
    )
    outcome_unknown = serializers.BooleanField(
        required=False, help_text="With `vendor-unavailable`: the request may have taken effect."
    )
