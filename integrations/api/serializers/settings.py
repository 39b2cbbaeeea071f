from __future__ import annotations

from rest_framework import serializers

from integrations.api.queries import Body


class SettingsSerializer(Body):
    settings = serializers.DictField()


class SettingsAnswerSerializer(SettingsSerializer):
    schema = serializers.DictField(help_text="JSON Schema of the settings.")
