from integrations.provider import ApiKey, Field, Mapping, Provider, Resource, convert

EVIL = "<script>alert('vendor')</script>"

provider = Provider(
    slug="hostile",
    name=f"Evil {EVIL}",
    category="forms",
    website='https://evil.example/"><script>alert(1)</script>',
    summary=f"A vendor that calls itself {EVIL}",
    auth=ApiKey(hint=f"Looks like {EVIL}"),
    base_url="https://evil.example",
    test="/",
    resources=(
        Resource(
            "entries",
            label=f"Entries {EVIL}",
            path="/entries",
            records="",
            key="id",
            target="members.member",
            mapping=Mapping(Field("display_name", f"name{EVIL}", convert.text)),
        ),
    ),
    setup=(f"Press {EVIL}",),
)
