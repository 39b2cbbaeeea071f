"""What a person types in to connect, checked before the vendor is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from integrations.provider import ApiKey, BasicAuth, ClientCredentials, OAuth2, Provider
from integrations.provider.auth import Auth

from .errors import ConnectError

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_VALUE = r"[a-z0-9-]{1,100}"
_LONGEST = 2000


def of(provider: Provider, auth: Auth) -> list[dict[str, Any]]:
    """The form: `{name, label, secret, hint, pattern}` per field. Empty for a sign-in at the vendor."""
    return [*_credential(auth), *_address(provider, auth)]


def check(provider: Provider, auth: Auth, given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The secret to keep, and the values that fill the base URL. ConnectError with a sentence for every wrong field."""
    wanted = of(provider, auth)
    typed = {field["name"]: str(given.get(field["name"]) or "").strip() for field in wanted}
    wrong = {field["name"]: _wrong(field, typed[field["name"]]) for field in wanted}
    wrong = {name: sentence for name, sentence in wrong.items() if sentence}
    unknown = sorted(set(given) - set(typed))
    if unknown:
        wrong |= dict.fromkeys(unknown, "This is not asked for.")
    if wrong:
        raise ConnectError(f"{provider.name} cannot be connected with this: check what was typed in.", wrong)
    values = {field["name"]: typed.pop(field["name"]) for field in _address(provider, auth)}
    if isinstance(auth, ApiKey):
        values |= auth.values(typed["key"])
    if isinstance(auth, BasicAuth):
        typed = {"username": auth.username or typed["username"], "password": auth.password or typed["password"]}
    return typed, values


def _credential(auth: Auth) -> list[dict[str, Any]]:
    if isinstance(auth, ApiKey):
        return [_field("key", auth.label, secret=True, hint=auth.hint, pattern=auth.pattern)]
    if isinstance(auth, BasicAuth):
        asked = [("username", "User name", False, auth.username), ("password", "Password", True, auth.password)]
        return [
            _field(name, label, secret=secret, hint=auth.hint, pattern=auth.pattern)
            for name, label, secret, fixed in asked
            if fixed is None
        ]
    if isinstance(auth, ClientCredentials):
        return [
            _field("client_id", "Client id", secret=False, hint="", pattern=r"\S{1,500}"),
            _field("client_secret", "Client secret", secret=True, hint="", pattern=r"\S{1,500}"),
        ]
    return []


def _address(provider: Provider, auth: Auth) -> list[dict[str, Any]]:
    """A field for each `{name}` of the base URL that neither the key nor a look-up gives."""
    given: set[str] = set()
    if isinstance(auth, ApiKey):
        given = set(re.compile(auth.pattern).groupindex)
    elif isinstance(auth, OAuth2) and auth.lookup:
        given = set(auth.lookup.values)
    hint = "Lower-case letters, digits and hyphens, as in the address of your account."
    return [
        _field(name, name.replace("_", " ").capitalize(), secret=False, hint=hint, pattern=_VALUE)
        for name in dict.fromkeys(_PLACEHOLDER.findall(provider.base_url))
        if name not in given
    ]


def _field(name: str, label: str, *, secret: bool, hint: str, pattern: str) -> dict[str, Any]:
    return {"name": name, "label": label, "secret": secret, "hint": hint, "pattern": pattern}


def _wrong(field: Mapping[str, Any], value: str) -> str:
    if not value:
        return f"{field['label']} is missing."
    if len(value) > _LONGEST or not value.isascii() or not value.isprintable():
        return f"{field['label']} has characters that cannot be in one; copy it again."
    if not re.fullmatch(field["pattern"], value):
        return field["hint"] or f"{field['label']} does not look like one."
    return ""
