"""Small providers for tests of the platform, declared in the vocabulary. Nobody's vendor."""

from __future__ import annotations

from integrations.provider import (
    Accounts,
    ApiKey,
    BasicAuth,
    ClientCredentials,
    Lookup,
    Mapping,
    NoAuth,
    OAuth2,
    Provider,
    RateLimit,
    Resource,
    Scope,
    Write,
)

HINT = "A key begins with key_; it is under Settings > Keys."


def make(slug: str = "acme", **changes: object) -> Provider:
    declared = {
        "slug": slug,
        "name": slug.title(),
        "category": "accounting",
        "website": f"https://{slug}.example",
        "summary": "For tests.",
        "auth": ApiKey(pattern=r"key_[a-z0-9_]{4,40}", hint=HINT),
        "base_url": f"https://api.{slug}.example/v1",
        "resources": (
            Resource(
                "things",
                path="/things",
                records="things",
                key="id",
                target="members.member",
                mapping=Mapping(),
                write=Write(create="POST /things", idempotency="X-Once"),
            ),
        ),
        "test": "/me",
    }
    return Provider(**{**declared, **changes})


ACME = make()
LEDGER = make(
    "ledger",
    auth=OAuth2(
        authorize="https://login.ledger.example/authorize",
        token="https://login.ledger.example/token",
        revoke="https://login.ledger.example/revoke",
        scopes=(
            Scope("read", "To read"),
            Scope("offline", "To go on"),
            Scope("write", "To write", write=True),
        ),
        refresh_rotates=True,
        grace_seconds=1800,
    ),
    accounts=Accounts(path="https://api.ledger.example/accounts", id="id", name="name", header="Ledger-Account"),
)
STRICT = make(
    "strict",
    auth=OAuth2(
        authorize="https://login.strict.example/authorize",
        token="https://login.strict.example/token",
        scopes=(Scope("read", "To read"),),
        refresh_rotates=True,
    ),
)
MAILER = make(
    "mailer",
    auth=(
        ApiKey(
            header="Authorization",
            template="Bearer {key}",
            pattern=r"[0-9a-f]{32}-(?P<dc>us\d{1,2})",
            hint="Ends in -us1.",
        ),
        OAuth2(
            authorize="https://login.mailer.example/authorize",
            token="https://login.mailer.example/token",
            pkce=False,
            refresh=False,
            lookup=Lookup(url="https://login.mailer.example/metadata", values={"dc": "dc"}, scheme="OAuth"),
        ),
    ),
    base_url="https://{dc}.api.mailer.example/3.0",
)
MACHINE = make(
    "machine", auth=ClientCredentials(token="https://login.machine.example/token", scopes=(Scope("all", "All"),))
)
PLAIN = make("plain", auth=(BasicAuth(), NoAuth()))
SHOP = make("shop", auth=BasicAuth(username="api"), base_url="https://{shop}.shops.example/admin")
THROTTLED = make("throttled", limits=RateLimit(per_minute=60, concurrent=2))

ALL = (ACME, LEDGER, STRICT, MAILER, MACHINE, PLAIN, SHOP, THROTTLED)
