from __future__ import annotations

from rest_framework import serializers

from integrations.api.queries import Body

from .sync import RunSerializer


class NothingSerializer(Body):
    """There is nothing to say."""


class DifferenceSerializer(serializers.Serializer):
    field = serializers.CharField(help_text="The canonical field.")
    label = serializers.CharField(help_text="What people call it.")
    ours = serializers.CharField(allow_blank=True, help_text="What is here now, in words; empty for what is new.")
    theirs = serializers.CharField(allow_blank=True, help_text="What would be here.")


class SampleSerializer(serializers.Serializer):
    key = serializers.CharField(allow_blank=True, help_text="The vendor's id.")
    record = serializers.CharField(allow_blank=True, help_text="Our id; empty for what is new.")
    name = serializers.CharField(allow_blank=True)
    changes = DifferenceSerializer(many=True)


class AsideSerializer(serializers.Serializer):
    key = serializers.CharField(allow_blank=True)
    reasons = serializers.ListField(child=serializers.CharField())


class SamplesSerializer(serializers.Serializer):
    """Up to twenty of each."""

    create = SampleSerializer(many=True)
    update = SampleSerializer(many=True)
    delete = SampleSerializer(many=True)
    aside = AsideSerializer(many=True)


class ReasonCountSerializer(serializers.Serializer):
    field = serializers.CharField(allow_blank=True)
    message = serializers.CharField()
    count = serializers.IntegerField()


class PlanBodySerializer(serializers.Serializer):
    why = serializers.ChoiceField(
        choices=["asked", "first", "large", "deletes"], help_text="Why it is a plan: only `asked` binds nobody."
    )
    linked = serializers.IntegerField(help_text="How many records were linked when it was made.")
    limit = serializers.IntegerField(help_text="How many of these a sync may change or delete by itself.")
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="What would happen to how many records.")
    gone = serializers.IntegerField(help_text="How many of the deletes a complete read no longer showed.")
    samples = SamplesSerializer()
    reasons = ReasonCountSerializer(many=True, help_text="Why records would be set aside.")
    more_reasons = serializers.IntegerField()
    skipped = serializers.DictField(child=serializers.IntegerField(), help_text="Records left alone, by reason.")
    irreversible = serializers.ListField(child=serializers.CharField(), help_text="What no undo takes back.")
    notes = serializers.ListField(child=serializers.CharField())


class PlanSerializer(serializers.Serializer):
    run = RunSerializer()
    stale = serializers.CharField(allow_blank=True, help_text="Why it may no longer be true; empty while it is.")
    plan = PlanBodySerializer(allow_null=True)


class PlansSerializer(serializers.Serializer):
    results = PlanSerializer(many=True)
