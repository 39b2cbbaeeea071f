"""The provider of the fault scenarios: three resources, each read in another way."""

from __future__ import annotations

from datetime import datetime

from integrations.provider import (
    ApiKey,
    Cursor,
    CursorPage,
    FullComparison,
    Offset,
    PageNumber,
    Provider,
    Resource,
)
from tests.sync.testbook import CONTACT, INVOICE, TAG

PAGE = 20
provider = Provider(
    slug="faultbook",
    name="Faultbook",
    category="accounting",
    website="https://faultbook.example",
    summary="For what goes wrong",
    auth=ApiKey(hint="Typed in by the scenarios"),
    base_url="https://faultbook.example",
    test="/ping",
    resources=(
        Resource("contacts", path="/contacts", records="items", key="id", target="finance.party", mapping=CONTACT,
                 pages=PageNumber(size=PAGE, size_param="size"), cursor=Cursor(field="updated", header="If-Modified-Since")),
        Resource("invoices", path="/invoices", records="items", key="id", target="finance.invoice", mapping=INVOICE,
                 pages=CursorPage(param="after", token="next", more="more", size=PAGE, size_param="size")),
        Resource("tags", path="/tags", records="items", key="id", target="members.tag", mapping=TAG,
                 pages=Offset(size=PAGE, size_param="size", total="total"), deletes=FullComparison(brake=0.2)),
    ),
)  # fmt: skip


def shown_before(resource: str, place: dict[str, object]) -> int | None:
    """How many records of a list come before a stored place; None behind its end. ValueError for a place of another shape."""
    if not place:
        return 0
    if place.get("ended"):
        return None
    token = place.get("next")
    if not set(place) <= {"next", "last"} or not isinstance(token, (int, str)):
        raise ValueError(f"The scenarios cannot read the place {place}.")
    return (int(token) - 1) * PAGE if resource == "contacts" else int(token)


def asked_with(since: str) -> str:
    """What the vendor is sent for a stored cursor of the contacts."""
    cursor = provider.resource("contacts").cursor
    assert cursor
    return cursor.spell(datetime.fromisoformat(since) - cursor.lookback)
