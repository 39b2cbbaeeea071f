"""What may stand in a path, so that nothing unstorable reaches a query."""

from __future__ import annotations

from django.urls import register_converter
from django.urls.converters import IntConverter, StringConverter


class ProviderSlug(StringConverter):
    """Never a UUID: where both may stand, an address means one of them."""

    regex = "(?![0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![a-z0-9-]))[a-z][a-z0-9-]{0,39}"


class Word(StringConverter):
    """The name of a resource or an action."""

    regex = "[a-z][a-z0-9_-]{0,59}"


class Urn(StringConverter):
    regex = r"urn:canonical:[a-z_]{1,60}:[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}"


class Number(IntConverter):
    """One that fits its column."""

    regex = "[0-9]{1,9}"


def register() -> None:
    for name, converter in {"provider": ProviderSlug, "word": Word, "urn": Urn, "number": Number}.items():
        register_converter(converter, name)
