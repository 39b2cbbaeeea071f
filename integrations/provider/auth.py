"""How a chapter proves to a vendor who it is."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class Scope:
    """One OAuth scope, with the reason we ask for it (shown before consent). `write` scopes are asked for only when used."""

    name: str = field(kw_only=False)
    reason: str = field(kw_only=False)
    write: bool = False


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """Values read once after authorisation (`GET url`), kept on the connection: name -> dotted path in the answer.

    They fill the `{names}` of the base URL: lower-case letters, digits and hyphens only, since a credential is sent there.
    `scheme` is the word before the token in the Authorization header.
    """

    url: str
    values: Mapping[str, str]
    scheme: str = "Bearer"


@dataclass(frozen=True, kw_only=True)
class OAuth2:
    """Authorisation code, with PKCE unless the vendor refuses it.

    `refresh_rotates`: every refresh returns a new single-use refresh token. `refresh_idle_days`: unused for this long it
    dies. `grace_seconds`: how long the previous refresh token may still be retried after a lost answer.
    `token_auth`: the client proves itself by HTTP Basic or in the form body. No `refresh` = the access token never expires.
    """

    kind: ClassVar[str] = "oauth2"
    label: ClassVar[str] = "Sign in"
    authorize: str
    token: str
    scopes: tuple[Scope, ...] = ()
    revoke: str | None = None
    pkce: bool = True
    refresh: bool = True
    refresh_rotates: bool = False
    refresh_idle_days: int | None = None
    grace_seconds: int = 0
    token_auth: str = "basic"  # "basic" | "body"  # noqa: S105 not a password
    scope_separator: str = " "
    extra: Mapping[str, str] = field(default_factory=dict)
    lookup: Lookup | None = None


@dataclass(frozen=True, kw_only=True)
class ClientCredentials:
    """Client id and secret exchanged for a short token, without a person."""

    kind: ClassVar[str] = "client_credentials"
    label: ClassVar[str] = "Client id and secret"
    token: str
    scopes: tuple[Scope, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key pasted by a person. `template` makes the header's value; `{key}` is the key.

    `username`: the vendor wants the key as the password of HTTP Basic with this user name, instead of the template.
    `pattern` is a regular expression the whole key must match, `hint` says in words what it looks like and where it is
    found. `values` are derived from the key by named groups of `pattern` (Mailchimp's data centre).
    """

    kind: ClassVar[str] = "api_key"
    label: ClassVar[str] = "API key"
    header: str = "Authorization"
    template: str = "Bearer {key}"
    username: str | None = None
    pattern: str = r"\S{8,500}"
    hint: str = ""

    def value(self, key: str) -> str:
        """What the header holds."""
        if self.username is not None:
            return "Basic " + base64.b64encode(f"{self.username}:{key}".encode()).decode()
        return self.template.format(key=key)

    def values(self, key: str) -> dict[str, str]:
        """The connection's values that the key itself tells."""
        found = re.fullmatch(self.pattern, key)
        return {name: value for name, value in found.groupdict().items() if value} if found else {}


@dataclass(frozen=True, kw_only=True)
class BasicAuth:
    """User name and password (or a token in one of the places). A fixed part is given, the other asked for."""

    kind: ClassVar[str] = "basic"
    label: ClassVar[str] = "User name and password"
    username: str | None = None
    password: str | None = None
    pattern: str = r"\S{1,500}"
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class NoAuth:
    kind: ClassVar[str] = "none"
    label: ClassVar[str] = "No sign-in"


Auth = OAuth2 | ClientCredentials | ApiKey | BasicAuth | NoAuth


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """Which of the vendor's accounts the credential opens.

    `path` is asked for them (absolute, or below the base URL); `records` is the dotted path of the list, None where the
    answer is the one account. The chosen id travels in `header` where the vendor wants it.
    """

    path: str
    id: str
    name: str
    records: str | None = None
    header: str | None = None
