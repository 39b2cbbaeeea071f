"""Mailchimp's fields and ours."""
# fmt: off

from typing import Any

from integrations.provider import Converter, Field, Mapping, convert, fields

# Archived is not unsubscribed: it says nothing about what the person allowed.
CONSENT = convert.one_of({
    "subscribed": "granted", "unsubscribed": "withdrawn", "pending": "pending_double_opt_in", "cleaned": "suppressed",
    "transactional": "not_asked", "archived": "not_asked",
})


def _consents(audience: Any, status: Any, confirmed: Any, changed: Any) -> list[dict[str, Any]] | None:
    """One consent, for this audience only: granted when the person confirmed it, else said when it last changed."""
    state = CONSENT.inward(status)
    when = convert.instant.inward(confirmed) if state == "granted" else None
    when = when or convert.instant.inward(changed)
    said = {"channel": "email", "purpose": f"newsletter:{audience}", "state": state, "captured_at": when}
    return [said] if state else None


def _address(value: Any) -> dict[str, Any] | None:
    """The merge field of the type address is "" while it is empty."""
    if not isinstance(value, dict):
        return None
    said = {name: convert.text.inward(value.get(name)) for name in ("addr1", "addr2", "city", "state", "zip", "country")}
    country = (said["country"] or "").upper()
    return {"lines": [line for line in (said["addr1"], said["addr2"]) if line], "locality": said["city"],
            "region": said["state"], "postcode": said["zip"], "country": country if len(country) == 2 else None}


def _name(full: Any, given: Any, family: Any, email: Any) -> str | None:
    text = convert.text.inward
    return text(full) or " ".join(filter(None, (text(given), text(family)))) or text(email)


NAME = ("full_name", "merge_fields.FNAME", "merge_fields.LNAME", "email_address")

audiences = Mapping(
    *fields(convert.text, key="id", name="name"),
    Field("size", "stats.member_count", convert.whole),
    Field("created_at", "date_created", convert.instant),
)
members = Mapping(
    *fields(convert.text, given_name="merge_fields.FNAME", family_name="merge_fields.LNAME", phone="merge_fields.PHONE"),
    Field("display_name", NAME, Converter(_name)),
    Field("email", "email_address", convert.lower),
    Field("address", "merge_fields.ADDRESS", Converter(_address)),
    Field("locale", "language", convert.text),
    Field("tags", "tags", Converter(lambda tags: [tag["name"] for tag in tags or ()])),
    Field("consents", ("list_id", "status", "timestamp_opt", "last_changed"), Converter(_consents)),
)
tags = Mapping(
    Field("name", "name", convert.text),
    Field("size", "member_count", convert.whole),
)
