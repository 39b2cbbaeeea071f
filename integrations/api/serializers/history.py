from __future__ import annotations

from rest_framework import serializers


class FieldChangeSerializer(serializers.Serializer):
    field = serializers.CharField(help_text="The canonical field.")
    label = serializers.CharField(help_text="What people call it.")
    before = serializers.CharField(allow_blank=True, help_text="In words; empty for nothing.")
    after = serializers.CharField(allow_blank=True)


class ChangeSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    who = serializers.CharField(help_text="A person, a connection, an API key, an undo, or plain SQL, in words.")
    why = serializers.CharField(allow_blank=True, help_text="How it came about, where that is known.")
    run = serializers.UUIDField(allow_null=True)
    target = serializers.CharField()
    record = serializers.UUIDField()
    name = serializers.CharField(help_text="What people call the record.")
    op = serializers.ChoiceField(choices=["insert", "update", "delete", "overruled"])
    part = serializers.CharField(allow_blank=True, help_text="The list whose row changed; empty for the record itself.")
    row = serializers.CharField(allow_blank=True, help_text="What the part's row says.")
    changes = FieldChangeSerializer(source="differences", many=True)


class ChangePageSerializer(serializers.Serializer):
    results = ChangeSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")


class LeftSerializer(serializers.Serializer):
    target = serializers.CharField()
    record = serializers.CharField()
    name = serializers.CharField()
    why = serializers.CharField(help_text="Who changed it since, or who needs it.")


class UndoPreviewSerializer(serializers.Serializer):
    refusal = serializers.CharField(allow_blank=True, help_text="Why it cannot be undone; empty where it can.")
    deleted = serializers.IntegerField(help_text="Records that would be deleted here, at most.")
    changed = serializers.IntegerField(help_text="Records that would get old values back.")
    restored = serializers.IntegerField(help_text="Records that would come back.")
    moved = serializers.IntegerField(help_text="Records that others have changed since.")
    used = serializers.IntegerField(help_text="Records that others need.")
    checked = serializers.IntegerField(
        help_text="How many records were looked at for `moved` and `used`: the first ones."
    )
    left = LeftSerializer(many=True, help_text="The first of what would be left as it is.")
    consequences = serializers.ListField(child=serializers.CharField(), help_text="What the next sync does.")
