"""Canonical records about people. Shapes follow `urn:canonical:*` version 1; every field but the marked ones may be absent."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from integrations.canonical import Canonical, Country, Email, Text

_PART = ConfigDict(extra="forbid", str_strip_whitespace=True)
State = Literal["granted", "denied", "withdrawn", "pending_double_opt_in", "not_asked", "suppressed"]


class Address(BaseModel):
    model_config = _PART

    label: Literal["home", "work", "billing", "shipping"] = "home"
    lines: list[Text] = []
    locality: Text | None = None
    region: Text | None = None
    postcode: Text | None = None
    country: Country | None = None


class Consent(BaseModel):
    """What a system says a person allowed, per channel and purpose (`newsletter:<audience key>`)."""

    model_config = _PART

    channel: Literal["email", "sms", "phone", "post"]
    purpose: Text
    state: State
    captured_at: datetime | None = None


class Member(Canonical):
    """A person. `status` follows from memberships and is `prospect` where there is none."""

    URN: ClassVar = "urn:canonical:member:1.0.0"

    member_number: Annotated[Text, Field(max_length=50)] | None = None
    given_name: Text | None = None
    family_name: Text | None = None
    display_name: Text
    email: Email | None = None
    phone: Annotated[Text, Field(max_length=40)] | None = None
    address: Address | None = None
    birth_date: date | None = None
    join_date: date | None = None
    status: Literal["prospect", "pending", "current", "grace", "lapsed", "resigned", "suspended", "deceased"] = (
        "prospect"
    )
    locale: Text | None = None
    tags: list[Text] = []
    consents: list[Consent] = []


class Audience(Canonical):
    """A mailing list at a marketing system."""

    URN: ClassVar = "urn:canonical:audience:1.0.0"

    key: Text
    name: Text
    size: Annotated[int, Field(ge=0)] = 0
    created_at: datetime | None = None


class Tag(Canonical):
    """A word people are marked with."""

    URN: ClassVar = "urn:canonical:tag:1.0.0"

    name: Text
    size: Annotated[int, Field(ge=0)] = 0
