"""What a record from outside may become among the members."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from integrations import targets
from integrations.matching.rules import Block, Matching, Rule
from integrations.targets import Children, Row, Target

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


_MOST_RESTRICTIVE = ("suppressed", "withdrawn", "denied", "pending_double_opt_in", "not_asked", "granted")

# A shared mailbox, telephone or address makes a question at most, as does another first name: only all of it together with
# the name, or a birth date, says that two records are one person.
_NAME = ("given_name", "family_name", "display_name")
MATCHING = Matching(
    rules=(
        Rule(("member_number",), "member number", 60),
        Rule(("email",), "e-mail address", 50, find=True, dilutes=True),
        Rule(_NAME, "name", 40, how="name", find=True),
        Rule(("birth_date",), "birth date", 30, how="date"),
        Rule(("phone",), "telephone number", 20, how="phone", find=True, dilutes=True),
        Rule(("address",), "address", 10, how="address"),
    ),
    link=90,
    review=50,
    blocks=(
        Block(("member_number",), "member number"),
        Block(("birth_date",), "birth date", how="date"),
        Block(_NAME, "name", how="name", asks=True),
        Block(("status",), "one is marked as", asks=True, values=("deceased",)),
    ),
)


def _outweighs(one: Row, other: Row) -> bool:
    """Of two consents for the same purpose the more restrictive one counts."""
    ranks = [_MOST_RESTRICTIVE.index(row["state"]) for row in (one, other) if row["state"] in _MOST_RESTRICTIVE]
    return len(ranks) == 2 and ranks[0] < ranks[1]


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
                outweighs=_outweighs,
            ),
        ),
        natural_keys=(("member_number",), ("email", "family_name", "given_name")),
        matching=MATCHING,
        mergeable=True,
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
