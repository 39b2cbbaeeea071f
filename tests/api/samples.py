"""Two small providers, so that the API's tests are about the API and not about a vendor."""

from __future__ import annotations

from integrations.provider import (
    Action,
    ApiKey,
    Const,
    Field,
    Mapping,
    OAuth2,
    Provider,
    Resource,
    Scope,
    TimestampedHmac,
    Unsupported,
    Webhook,
    Write,
    convert,
)

SETTINGS = {
    "type": "object",
    "properties": {
        "prefix": {"type": "string", "maxLength": 5},
        "days": {"type": "integer", "minimum": 1},
        "mode": {"enum": ["fast", "slow"]},
    },
    "required": ["days"],
}
SEND = {
    "type": "object",
    "properties": {"to": {"type": "string", "minLength": 3}, "minor": {"type": "integer", "minimum": 1}},
    "required": ["to"],
}


def _send(client, wanted):
    if wanted.get("to") == "refused":
        raise Unsupported("Shop sends nothing to 'refused'.")
    return {"sent_to": wanted.get("to")}


shop = Provider(
    slug="shop",
    name="Shop",
    category="commerce",
    website="https://shop.example",
    summary="Orders and customers.",
    auth=ApiKey(pattern=r"sk_\w{8,40}", hint="Starts with sk_."),
    base_url="https://api.shop.example/v1",
    test="/me",
    resources=(
        Resource(
            "tags",
            path="/tags",
            records="data",
            key="id",
            target="members.tag",
            mapping=Mapping(Field("name", "label", convert.text, required=True), Field("size", "n", convert.whole)),
            write=Write(create="POST /tags", update="POST /tags/{key}"),
        ),
        Resource(
            "people",
            path="/people",
            records="data",
            key="id",
            target="members.member",
            mapping=Mapping(
                Field("display_name", "name", convert.text, required=True),
                Field("email", "mail", convert.lower),
                Const("status", "prospect"),
            ),
        ),
    ),
    actions=(
        Action("send", label="Send a message", input=SEND, run=_send),
        Action("burn", label="Burn it all", input={"type": "object", "properties": {}}, run=_send, irreversible=True),
    ),
    webhook=Webhook(verify=TimestampedHmac("shop-signature"), topics={"person.updated": "people"}, record="id"),
    settings=SETTINGS,
    setup=("Open Shop, Settings, Keys.",),
)

ledger = Provider(
    slug="ledger",
    name="Ledger",
    category="accounting",
    website="https://ledger.example",
    summary="Contacts and invoices.",
    auth=OAuth2(
        authorize="https://login.ledger.example/authorize",
        token="https://login.ledger.example/token",
        scopes=(Scope("read", "to read"),),
    ),
    base_url="https://api.ledger.example",
    test="/me",
    resources=(
        Resource(
            "contacts",
            path="/contacts",
            records="contacts",
            key="id",
            target="finance.party",
            mapping=Mapping(Field("name", "name", convert.text, required=True)),
        ),
    ),
)

PROVIDERS = {"ledger": ledger, "shop": shop}
