from integrations.provider import (
    Action,
    ApiKey,
    Field,
    Mapping,
    OAuth2,
    Provider,
    Residency,
    Resource,
    Scope,
    convert,
)

provider = Provider(
    slug="birdpost",
    name="Birdpost Letters",
    category="marketing",
    website="https://birdpost.example",
    summary="Newsletters: audiences, their members and what they agreed to.",
    auth=(
        ApiKey(pattern=r"\S{12,}", hint="Account > Extras > API keys."),
        OAuth2(
            authorize="https://login.birdpost.example/authorize",
            token="https://login.birdpost.example/token",
            refresh=False,
            scopes=(Scope("lists", "to read audiences and their members"),),
        ),
    ),
    base_url="https://api.birdpost.example/3.0",
    test="/ping",
    residency=Residency(regions=("US",)),
    resources=(
        Resource(
            "audiences",
            label="Audiences",
            path="/lists",
            records="lists",
            key="id",
            target="members.audience",
            mapping=Mapping(Field("key", "id", convert.text), Field("name", "name", convert.text)),
        ),
    ),
    actions=(
        Action(
            "send",
            label="Send a campaign",
            input={"type": "object"},
            run=lambda client, given: {},
            irreversible=True,
        ),
    ),
)
