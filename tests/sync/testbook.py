"""A provider declared for the tests: one resource for every word of the vocabulary that the engine interprets."""

from __future__ import annotations

from integrations.provider import (
    Const,
    Converter,
    Cursor,
    CursorPage,
    Each,
    Field,
    Flag,
    FullComparison,
    LinkHeader,
    Mapping,
    NextUrl,
    NoAuth,
    Offset,
    PageNumber,
    Provider,
    Resource,
    SinglePage,
    Within,
    Write,
    convert,
)

CONTACT = Mapping(
    Field("name", "name", convert.text, required=True),
    Field("given_name", "first", convert.text),
    Field("number", "number", convert.text),
    Field("email", "email", convert.lower),
    Field("phone", "phone", convert.text),
    Field("status", "status", convert.one_of({"ACTIVE": "active", "OLD": "archived"})),
)
INVOICE = Mapping(
    Const("type", "receivable"),
    Field("number", "number", convert.text),
    Field("party", "contact.id", ref="contacts"),
    Field("issued_on", "date", convert.day),
    Field("status", "status", convert.one_of({"open": "authorised", "paid": "paid"})),
    *(
        Field(name, (name, "currency"), convert.money_major)
        for name in ("subtotal", "tax", "total", "paid", "credited", "due")
    ),
    Each(
        "lines",
        "lines",
        (
            Field("description", "text", convert.text),
            Field("quantity", "quantity", convert.decimal(4)),
            Field("amount", ("amount", "/currency"), convert.money_major),
        ),
    ),
)
PERSON = Mapping(
    Field("display_name", "name", convert.text),
    Field("given_name", "first", convert.text),
    Field("family_name", "last", convert.text),
    Field("email", "email", convert.lower),
    Field("member_number", "member_no", convert.text),
    Field("phone", "phone", convert.text),
    Field("birth_date", "born", convert.day),
    Field("address", ("street", "postcode"), Converter(lambda street, postcode: street and {
        "lines": [street], "postcode": postcode})),
    Field("tags", "tags"),
    Field("consents", ("list", "state"), Converter(lambda key, state: state and [
        {"channel": "email", "purpose": f"newsletter:{key}", "state": state}])),
)  # fmt: skip
TAG = Mapping(Field("name", "name", convert.text), Field("size", "size", convert.whole))
LIST = Mapping(Field("key", "id", convert.text), Field("name", "name", convert.text))

provider = Provider(
    slug="testbook",
    name="Testbook",
    category="accounting",
    website="https://testbook.example",
    summary="For tests",
    auth=NoAuth(),
    base_url="http://testbook.example",
    test="/ping",
    resources=(
        # Before what it refers to, on purpose: references must settle in any order.
        Resource("invoices", path="/invoices", records="items", key="id", target="finance.invoice", mapping=INVOICE,
                 pages=CursorPage(param="after", token="next", more="more", size=2, size_param="size")),
        Resource("contacts", path="/contacts", records="items", key="id", target="finance.party", mapping=CONTACT,
                 pages=PageNumber(size=3, size_param="size"), cursor=Cursor(field="updated", header="If-Modified-Since"),
                 write=Write(create="POST /contacts", idempotency="Idempotency-Key", wrap="item")),
        Resource("people", path="/lists/{parent}/people", records="items", key="id", target="members.member",
                 mapping=PERSON, pages=Offset(size=2, size_param="size", total="total"),
                 cursor=Cursor(field="updated", param="since"), within=Within("lists", into="list")),
        Resource("lists", path="/lists", records="items", key="id", target="members.audience", mapping=LIST),
        Resource("staff", path="/staff", records="items", key="id", target="members.member", mapping=PERSON,
                 pages=PageNumber(size=100, size_param="size"), deletes=Flag("gone", True)),
        Resource("tags", path="/tags", records="", key="name", target="members.tag", mapping=TAG,
                 pages=SinglePage(), deletes=FullComparison()),
        Resource("links", path="/links", records="data.rows", key="id", target="finance.party", mapping=CONTACT,
                 pages=NextUrl(path="data.next", size=2)),
        Resource("headers", path="/headers", records="items", key="id", target="finance.party", mapping=CONTACT,
                 pages=LinkHeader(size=2)),
        Resource("lasts", path="/lasts", records="items", key="id", target="finance.party", mapping=CONTACT,
                 pages=CursorPage(param="after", last="id", size=2, size_param="size")),
        Resource("offsets", path="/offsets", records="items", key="id", target="finance.party", mapping=CONTACT,
                 pages=Offset(size=2, size_param="size"), deletes=FullComparison()),
    ),
)  # fmt: skip


def contact(number: int, **more: object) -> dict[str, object]:
    return {
        "id": f"c{number}",
        "name": f"Contact {number}",
        "first": "Ada",
        "email": f"c{number}@example.com",
        "status": "ACTIVE",
        "updated": f"2026-01-{number % 28 + 1:02}T00:00:00Z",
        **more,
    }


def invoice(number: int, **more: object) -> dict[str, object]:
    """Two lines, 12.10 and 7.90: 20.00 in Australian dollars, unless told otherwise."""
    return {
        "id": f"i{number}",
        "number": f"INV-{number}",
        "contact": {"id": f"c{number}"},
        "date": "2026-02-03",
        "status": "open",
        "currency": "AUD",
        "subtotal": 20.00, "tax": 0, "total": 20.00, "paid": 0, "credited": 0, "due": 20.00,
        "lines": [{"text": "Fee", "quantity": 1, "amount": 12.10}, {"text": "Book", "quantity": 2.5, "amount": 7.90}],
        **more,
    }  # fmt: skip


def person(number: int, **more: object) -> dict[str, object]:
    return {
        "id": f"p{number}",
        "name": f"Person {number}",
        "first": "Grace",
        "last": f"Hopper {number}",
        "email": f"p{number}@example.com",
        "state": "granted",
        "updated": f"2026-01-{number % 28 + 1:02}T00:00:00Z",
        **more,
    }
