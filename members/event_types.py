"""What is told about members. Further events are registered by what they are about, when it is there."""

from __future__ import annotations

from integrations import targets
from integrations.outbound import catalogue
from integrations.outbound.shapes import ID, TEXT, of_record


def register() -> None:
    member = targets.get("members.member")
    statuses = {"from": TEXT, "to": TEXT}
    catalogue.register(
        of_record("member.created", member, catalogue.made, "A member is here who was not before."),
        of_record("member.updated", member, catalogue.changed, "A member's fields or consents have changed."),
        of_record(
            "member.merged",
            member,
            catalogue.merged,
            "Two records were made one: `merged` is gone, and what it was is `id` now.",
            {"merged": {**ID, "description": "The id that is no more."}},
        ),
        of_record(
            "member.status.changed",
            member,
            catalogue.differs("status"),
            "A member's status went from one to another.",
            statuses,
        ),
    )
