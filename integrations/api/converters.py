"""What may stand in a path, so that nothing unstorable reaches a query."""

from __future__ import annotations

from django.urls import register_converter
from django.urls.converters import StringConverter


class ProviderSlug(StringConverter):
    regex = "[a-z][a-z0-9-]{0,39}"


class Word(StringConverter):
    """The name of a resource or an action."""

    regex = "[a-z][a-z0-9_-]{0,59}"


class Urn(StringConverter):
    regex = r"urn:canonical:[a-z_]{1,60}:[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}"


def register() -> None:
    for name, converter in {"provider": ProviderSlug, "word": Word, "urn": Urn}.items():
        register_converter(converter, name)
