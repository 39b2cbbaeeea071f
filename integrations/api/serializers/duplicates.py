from __future__ import annotations

from rest_framework import serializers

from integrations.api.queries import Body
from integrations.matching.decide import DISMISS, LINK, MOST_AT_ONCE, SEPARATE
from integrations.matching.models import MatchReview, Merge
from integrations.matching.undo import undoable

CHOICES = [(LINK, "it is this record of ours"), (SEPARATE, "it is somebody new"), (DISMISS, "leave it out")]


class CandidateSerializer(serializers.Serializer):
    id = serializers.UUIDField(help_text="Our record.")
    name = serializers.CharField()
    score = serializers.IntegerField()
    reasons = serializers.ListField(child=serializers.CharField(), help_text="What the points are for, in words.")
    data = serializers.DictField(help_text="The record as it is now, canonical.")


class DuplicateSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    connection = serializers.UUIDField()
    resource = serializers.CharField()
    external_id = serializers.CharField()
    target = serializers.CharField()
    state = serializers.ChoiceField(choices=MatchReview.State.choices)
    score = serializers.IntegerField(help_text="Of the best candidate.")
    data = serializers.DictField(help_text="What their record says, canonical; empty once it is decided.")
    candidates = CandidateSerializer(many=True)
    record = serializers.UUIDField(allow_null=True, help_text="Our record that it was linked to, or became.")
    created_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)


class DuplicatePageSerializer(serializers.Serializer):
    results = DuplicateSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")


class DuplicateQuerySerializer(serializers.Serializer):
    state = serializers.ChoiceField(choices=MatchReview.State.choices, default="open")
    connection = serializers.UUIDField(required=False, help_text="Only its records.")


class DuplicateDecisionSerializer(Body):
    decision = serializers.ChoiceField(choices=CHOICES)
    record = serializers.UUIDField(required=False, help_text="Which of the candidates, where the decision is link.")


class OneDuplicateDecisionSerializer(DuplicateDecisionSerializer):
    id = serializers.UUIDField(help_text="The possible duplicate.")


class DuplicateDecisionsSerializer(Body):
    decisions = OneDuplicateDecisionSerializer(many=True, allow_empty=False, max_length=MOST_AT_ONCE)


class DuplicateDecidedSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=MatchReview.State.choices)
    record = serializers.UUIDField(allow_null=True)
    refused = serializers.CharField(help_text="Why it was not carried out; empty where it was.")


class DuplicatesDecidedSerializer(serializers.Serializer):
    results = DuplicateDecidedSerializer(many=True)


class MergeRequestSerializer(Body):
    target = serializers.CharField(max_length=60, help_text="The kind of record: members.member.")
    kept = serializers.UUIDField()
    merged = serializers.UUIDField(help_text="The record that goes into the kept one.")
    choices = serializers.DictField(
        child=serializers.ChoiceField(choices=["kept", "merged", "both"]),
        default=dict,
        help_text="Whose value stays, by field; what is not named is proposed by dry_run.",
    )
    dry_run = serializers.BooleanField(default=False, help_text="Only say what would happen.")


class MoveSerializer(serializers.Serializer):
    label = serializers.CharField()
    count = serializers.IntegerField()


class MergeSerializer(serializers.ModelSerializer):
    kept = serializers.UUIDField(source="kept_id")
    merged = serializers.UUIDField(source="merged_id")
    choices = serializers.DictField(source="chosen")
    links_moved = serializers.SerializerMethodField()
    undoable = serializers.SerializerMethodField()

    class Meta:
        model = Merge
        fields = (
            "id", "target", "kept", "merged", "label", "choices", "links_moved", "created_at", "undone_at", "undoable",
        )  # fmt: skip
        read_only_fields = fields

    def get_links_moved(self, merge: Merge) -> int:
        return len(merge.links)

    def get_undoable(self, merge: Merge) -> bool:
        return undoable(merge)


class MergePageSerializer(serializers.Serializer):
    results = MergeSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")


class MergePreviewSerializer(serializers.Serializer):
    target = serializers.CharField()
    choices = serializers.DictField(child=serializers.CharField(), help_text="Whose value would stay, by field.")
    moves = MoveSerializer(many=True)
    links = serializers.IntegerField(help_text="How many links would move.")
    linked_twice = serializers.ListField(
        child=serializers.CharField(), help_text="Resources that would be linked to the kept record twice."
    )


class UndoneSerializer(serializers.Serializer):
    merge = MergeSerializer()
    moved_on = serializers.ListField(
        child=serializers.CharField(), help_text="What was not put back because it changed since."
    )
