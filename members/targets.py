"""What a record from outside may become among the members."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from integrations import targets
from integrations.targets import Children, Target

from . import canonical, models


def _member(record: canonical.Member) -> dict[str, Any]:
    return {
        "member_number": record.member_number,
        "given_name": record.given_name or "",
        "family_name": record.family_name or "",
        "display_name": record.display_name,
        "email": (record.email or "").lower(),
        "phone": record.phone or "",
        "address": record.address.model_dump() if record.address else None,
        "birth_date": record.birth_date,
        "join_date": record.join_date,
        "status": record.status,
        "locale": record.locale or "",
        "tags": record.tags,
    }


def _consents(record: BaseModel) -> list[dict[str, Any]]:
    assert isinstance(record, canonical.Member)
    return [consent.model_dump() for consent in record.consents]


def _audience(record: canonical.Audience) -> dict[str, Any]:
    return {"key": record.key, "name": record.name, "size": record.size, "listed_at": record.created_at}


def _tag(record: canonical.Tag) -> dict[str, Any]:
    return {"name": record.name, "size": record.size}


TARGETS = (
    Target(
        name="members.member",
        label="Member",
        canonical=canonical.Member,
        model=models.Member,
        row=_member,
        children=(
            Children(
                field="consents",
                model=models.MemberConsent,
                parent="member_id",
                rows=_consents,
                key=("channel", "purpose"),
            ),
        ),
        natural_keys=(("member_number",), ("email", "family_name", "given_name")),
    ),
    Target(
        name="members.audience",
        label="Audience",
        canonical=canonical.Audience,
        model=models.Audience,
        row=_audience,
        renamed={"created_at": "listed_at"},
    ),
    Target(
        name="members.tag",
        label="Tag",
        canonical=canonical.Tag,
        model=models.Tag,
        row=_tag,
        natural_keys=(("name",),),
    ),
)


def register() -> None:
    for target in TARGETS:
        targets.register(target)
