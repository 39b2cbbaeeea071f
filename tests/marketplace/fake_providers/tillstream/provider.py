from integrations.provider import ApiKey, Field, FullComparison, Mapping, Provider, RateLimit, Resource, Write, convert

provider = Provider(
    slug="tillstream",
    name="Tillstream",
    category="payments",
    website="https://tillstream.example",
    summary="Card payments, refunds and what arrives at the bank.",
    auth=ApiKey(
        pattern=r"rk_(live|test)_[A-Za-z0-9]{8,}",
        hint="Begins with rk_live_ or rk_test_. Developers > API keys > Create restricted key.",
    ),
    base_url="https://api.tillstream.example/v1",
    test="/account",
    limits=RateLimit(per_second=100),
    resources=(
        Resource(
            "customers",
            label="Customers",
            path="/customers",
            records="data",
            key="id",
            target="finance.party",
            deletes=FullComparison(),
            write=Write(create="POST /customers", update="POST /customers/{key}", empty=""),
            mapping=Mapping(Field("name", "name", convert.text), Field("email", "email", convert.lower)),
        ),
        Resource(
            "payouts",
            label="Payouts",
            path="/payouts",
            records="data",
            key="id",
            target="finance.payout",
            mapping=Mapping(
                Field("processor_ref", "id", convert.text),
                Field("amount", ("amount", "currency"), convert.money_minor),
            ),
        ),
    ),
    settings={
        "type": "object",
        "required": ["months"],
        "properties": {
            "months": {
                "type": "integer",
                "title": "Months to look back",
                "description": "How far the first sync reads.",
                "minimum": 1,
                "maximum": 120,
                "default": 24,
            },
            "fees": {"type": "boolean", "title": "Take fees as lines of their own", "default": True},
            "statement": {
                "type": "string",
                "enum": ["full", "short"],
                "title": "Text on statements",
                "default": "full",
            },
            "kinds": {
                "type": "array",
                "title": "Kinds of payment",
                "items": {"type": "string", "enum": ["card", "direct_debit", "wallet"]},
            },
            "since": {"type": "string", "format": "date", "title": "Nothing before"},
            "note": {"type": "string", "maxLength": 40, "title": "Note"},
            "rules": {"type": "object", "title": "Routing rules"},
        },
    },
    setup=("Open Developers > API keys at Tillstream.", "Create a restricted key that may read everything."),
)
