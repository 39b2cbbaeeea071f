"""A connection's door to its vendor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import requests
from django.db import connection as database

from integrations import hub
from integrations.provider import AuthExpired, OAuth2, Permanent, Provider, Temporary

from . import redaction
from .answer import Answer, is_a_web_page, refusal
from .budget import WORKER, Budget
from .caller import Caller
from .decode import decode
from .forms import flat
from .session import through
from .transport import AGAIN_LATER, Transport

if TYPE_CHECKING:
    from integrations.connections.models import Connection

_VALUE = re.compile(r"[a-z0-9-]+")
_NAME = re.compile(r"\{(\w+)\}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class Keys(Protocol):
    """What opens the vendor's door. It may be asked from any thread."""

    def headers(self) -> dict[str, str]:
        """What proves who we are, for one request. Raises AuthExpired."""

    def secret(self) -> str:
        """The access token, key or password itself."""

    def renew(self) -> bool:
        """The vendor refused what `headers` gave: whether there is something newer to try."""

    def values(self) -> tuple[str, ...]:
        """Every secret text, so that none is shown."""


class Door:
    """Implements `integrations.provider.Client`. Paths are below the provider's base URL; whole addresses are taken only on
    the hosts the provider declares, because the credential goes with them."""

    def __init__(
        self, connection: Connection, caller: Caller, keys: Keys, *, budget: Budget = WORKER, probe: bool = False
    ) -> None:
        self.connection = connection
        self.caller = caller
        self.provider: Provider = caller.provider
        self.session = through(requests.Session(), Transport(caller, budget, probe=probe))
        self._keys = keys
        self._guarded: set[str] = set()
        self._guard()

    @property
    def base_url(self) -> str:
        return fill(self.provider.base_url, self.connection.values, self.caller)

    def secret(self) -> str:
        value = self._keys.secret()
        self._guard()
        return value

    def fetch(
        self,
        method: str,
        url_or_path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The vendor's answer: 2xx, or 304 where a condition was sent. Anything else is raised as a ProviderError."""
        method, url = method.upper(), self._url(url_or_path)
        body = None if form is None else flat(form)
        refreshed = False
        while True:
            sent = self._headers(headers)
            self._guard()
            try:
                response = self.session.request(method, url, params=params, json=json, data=body, headers=sent)
            except (requests.RequestException, UnicodeError):  # before the transport: it could not even be written down
                raise Permanent(
                    self.caller.sentence("cannot be sent a request made of these characters", "Check what is sent.")
                ) from None
            answer = Answer(
                status=response.status_code,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=response.content,
                url=response.url,
            )
            if answer.status == 401 and not refreshed and self._keys.renew():
                refreshed = True
                continue
            return self._accepted(answer, method)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        exact: bool = False,
    ) -> Any:
        """The decoded answer, None where it is empty. `exact` reads numbers with a fraction as Decimal."""
        answer = self.fetch(method, path, params=params, json=json, form=form, headers=headers)
        return self.decoded(answer, exact=exact) if answer.body else None

    def decoded(self, answer: Answer, *, exact: bool = False) -> Any:
        """`http.decode.decode`, with an error that names chapter and connection."""
        try:
            return decode(answer.body, exact=exact)
        except Temporary:
            raise Temporary(self.caller.sentence("answered with something that is not JSON", AGAIN_LATER)) from None

    def close(self) -> None:
        self.session.close()
        redaction.unwatch(*self._guarded)
        self._guarded.clear()

    def _guard(self) -> None:
        """While the door is open no log line of this process shows what opens it."""
        fresh = set(self._keys.values()) - self._guarded
        redaction.watch(*fresh)
        self._guarded |= fresh

    def _accepted(self, answer: Answer, method: str) -> Answer:
        if answer.status != 304 and not 200 <= answer.status < 300:
            raise refusal(answer, self.caller, method, self._keys.values())
        if is_a_web_page(answer):
            raise Temporary(
                self.caller.sentence("answered with a web page instead of data", AGAIN_LATER),
                outcome_unknown=method != "GET",
            )
        return answer

    def _headers(self, more: Mapping[str, str] | None) -> dict[str, str]:
        made = {"Accept": "application/json", **self.provider.headers, **self._keys.headers()}
        accounts = self.provider.accounts
        if accounts and accounts.header and self.connection.account_id:
            made[accounts.header] = self.connection.account_id
        return {**made, **(more or {})}

    def _url(self, url_or_path: str) -> str:
        if not _SCHEME.match(url_or_path):
            return f"{self.base_url}/{url_or_path.lstrip('/')}"
        parts = urlsplit(url_or_path)
        host = parts.netloc.lower()
        if parts.scheme != "https" or (host not in _declared_hosts(self.provider) and host != _host(self.base_url)):
            raise Permanent(
                self.caller.sentence("pointed to an address that is not its own", "The credential is not sent there.")
            )
        return url_or_path


@contextmanager
def open_door(connection: Connection, *, resource: str = "", budget: Budget = WORKER) -> Iterator[Door]:
    """The door of a connection of the chapter one is inside. `resource` is named in errors.

    Only opening and leaving touch the ORM: the door may be used from a thread. A sign-in the vendor refuses, raised out of
    the block, marks the connection as expired.
    """
    from integrations.connections import keys, status  # they use the transport: a door needs both

    chapter = hub.inside()
    caller = Caller.of(connection, chapter, resource)
    door = Door(connection, caller, keys.stored(connection, chapter, caller), budget=budget)
    try:
        yield door
    except AuthExpired as expired:
        if not database.needs_rollback:
            status.expire(connection, str(expired))
        raise
    finally:
        door.close()


def fill(template: str, values: Mapping[str, Any], caller: Caller) -> str:
    """The address with its `{names}` filled from the connection's values. Permanent when one is missing or could be more
    than a part of a host name."""

    def one(match: re.Match[str]) -> str:
        value = values.get(match[1])
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise Permanent(caller.sentence(f"needs the value '{match[1]}' to be found", "Reconnect it."))
        return value

    return _NAME.sub(one, template).rstrip("/")


def _declared_hosts(provider: Provider) -> set[str]:
    """Hosts beside the base URL's that the provider names itself."""
    declared = [provider.accounts.path] if provider.accounts else []
    declared += [auth.lookup.url for auth in provider.auths if isinstance(auth, OAuth2) and auth.lookup]
    return {_host(url) for url in declared if _SCHEME.match(url)}


def _host(url: str) -> str:
    return urlsplit(url).netloc.lower()
