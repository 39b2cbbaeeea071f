"""What `manage.py startprovider` writes: everything in its place, and nothing in it."""

from __future__ import annotations

from collections.abc import Mapping

from . import quality

PROVIDER = '''"""{name}. Contract: where the vendor publishes it."""

from integrations.provider import ApiKey, Provider, Resource

from . import mapping

provider = Provider(
    slug="{slug}",
    name="{name}",
    category="marketing",
    website="https://{slug}.example",
    summary="",
    auth=ApiKey(hint=""),
    base_url="https://api.{slug}.example",
    test="/me",
    resources=(
        Resource(
            "contacts",
            path="/contacts",
            records="data",
            key="id",
            target="finance.party",
            mapping=mapping.contacts,
        ),
    ),
)
'''
MAPPING = '''"""{name}'s fields and ours."""

from integrations.provider import Field, Mapping, convert

contacts = Mapping(
    Field("name", "name", convert.text),
)
'''
LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48" width="48" height="48" role="img" aria-hidden="true">
  <rect width="48" height="48" rx="10" fill="#475569"/>
  <text x="24" y="31" text-anchor="middle" font-family="system-ui, sans-serif" font-size="20" font-weight="600" fill="#ffffff">{letters}</text>
</svg>
"""  # noqa: E501 a drawing
SAMPLES = '{"data": []}\n'
QUALITY = "# What this provider promises; see integrations/quality.py. done, todo, or exempt with a reason.\n"


def files(slug: str, name: str) -> Mapping[str, str]:
    """Path in the provider's folder -> content."""
    filled = {"slug": slug, "name": name, "letters": name[:2].capitalize()}
    return {
        "__init__.py": "",
        "provider.py": PROVIDER.format(**filled),
        "mapping.py": MAPPING.format(**filled),
        "samples/contacts.json": SAMPLES,
        "logo.svg": LOGO.format(**filled),
        "quality.yaml": QUALITY + "".join(f"{promise}: todo\n" for promise in quality.PROMISES),
    }
