"""What pages, API and commands do with connections. Everything here runs inside the chapter.

What begins or ends a connecting raises ConnectError with sentences for people.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from integrations import hub, registry
from integrations.encryption import CannotDecrypt, Secret
from integrations.http.budget import PERSON
from integrations.http.caller import Caller
from integrations.http.door import Door
from integrations.hub.models import AccountRoute
from integrations.provider import AuthExpired, OAuth2, Permanent, Provider, ProviderError
from integrations.provider.auth import Auth

from . import accounts as _accounts
from . import authorisation, credentials, keys, provider_apps, rows, status, token_endpoint, typed_in
from .errors import ConnectError
from .fields import of as fields_of
from .models import Connection
from .signals import disconnected
from .token_endpoint import App

__all__ = [
    "ConnectError", "TestResult", "accounts", "begin_oauth", "choose_account", "connect_with_secret", "credential_fields",
    "disconnect", "finish_oauth", "test",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TestResult:
    """What a test of a connection found, in a sentence, and how long the vendor took."""

    __test__ = False  # not one of pytest's

    ok: bool
    message: str
    milliseconds: int


def credential_fields(provider: str, auth_kind: str) -> list[dict[str, Any]]:
    """The form for a kind of sign-in: `{name, label, secret, hint, pattern}` each. Empty where nothing is typed in."""
    declared = _declared(provider)
    return fields_of(declared, _auth(declared, auth_kind))


def connect_with_secret(
    *,
    provider: str,
    name: str,
    auth_kind: str,
    fields: Mapping[str, str],
    environment: str = "live",
    user: Any = None,
    account_id: str = "",
    connection: Connection | None = None,
    plan_first: bool | None = None,
) -> Connection:
    """Tests what was typed in against the vendor, then keeps it. With `connection`, connects that one again: its mapping,
    links and history stay. `plan_first`: the first read of each resource is shown to a person before anything is written;
    None keeps what the connection has, which is yes for a new one.

    Where it opens several accounts and none is named, the connection waits, disconnected, for `choose_account`.
    """
    declared = _declared(provider)
    auth = _auth(declared, auth_kind)
    if isinstance(auth, OAuth2):
        raise ConnectError(f"{declared.name} is connected by signing in there, not by typing in a secret.")
    row = rows.find(declared, name, environment, connection, plan_first=plan_first)
    return typed_in.connect(row, auth, fields, chapter=hub.inside(), user=user, account_id=account_id)


def begin_oauth(
    *,
    provider: str,
    name: str,
    environment: str,
    user: Any,
    browser: str,
    return_to: str,
    connection: Connection | None = None,
    write: bool | None = None,
    plan_first: bool | None = None,
) -> str:
    """The vendor's address to send the person to. `browser` is a random value that browser alone holds (browser.py).

    `write` asks for the scopes to write as well; None keeps what the connection is set to. `plan_first` as in
    `connect_with_secret`.
    """
    declared = _declared(provider)
    auth = _auth(declared, OAuth2.kind)
    if not isinstance(auth, OAuth2):
        raise ConnectError(f"{declared.name} has no sign-in of that kind.")
    row = rows.find(declared, name, environment, connection, plan_first=plan_first)
    row.auth_kind = row.auth_kind or auth.kind
    if write is not None:
        row.settings = {**row.settings, "write": write}
    try:
        with transaction.atomic():
            rows.keep(row)
            return authorisation.address(
                row, auth, chapter=hub.inside(), user=user, browser=browser, return_to=return_to
            )
    except ProviderError as error:
        raise ConnectError(str(error)) from None


def finish_oauth(*, params: Mapping[str, str], browser: str, user: Any = None, provider: str = "") -> Connection:
    """What the vendor sent the browser back with becomes a connection. `user`: who is signed in here now; `provider`: the
    slug it must have been begun for, where that is known."""
    connection, _ = authorisation.finish(params, browser, user, provider)
    return connection


def accounts(connection: Connection) -> list[dict[str, str]]:
    """`{"id", "name"}` of the vendor's accounts this connection's credential opens. Raises ProviderError, also where the
    provider, or its way to sign in, is no longer there."""
    door = _door(connection)
    try:
        return _accounts.ask(door)
    finally:
        door.close()


def choose_account(connection: Connection, account_id: str) -> Connection:
    """Ends the wait of a connection whose credential opens several accounts."""
    try:
        choices = accounts(connection)
    except ProviderError as error:
        raise ConnectError(str(error)) from None
    chosen = _accounts.pick(connection, choices, account_id, _declared(connection.provider).name)
    if chosen is None or chosen["id"] != account_id:
        raise ConnectError("Choose one of the accounts.", {"account_id": "Choose one of the accounts."})
    _accounts.settle(connection, chosen)
    return connection


def test(connection: Connection) -> TestResult:
    """Asks the vendor whether the connection works, and keeps what that says in its status."""
    began = time.monotonic()
    try:
        door = _door(connection)
        try:
            door.request("GET", door.provider.test)
        finally:
            door.close()
    except ProviderError as error:
        if isinstance(error, AuthExpired):
            status.expire(connection, str(error))
        elif isinstance(error, Permanent) and connection.status == Connection.Status.CONNECTED:
            status.change(connection, Connection.Status.ERROR, str(error))
        return TestResult(ok=False, message=str(error), milliseconds=_since(began))
    if connection.status in {Connection.Status.ERROR, Connection.Status.EXPIRED}:
        status.change(connection, Connection.Status.CONNECTED)
    taken = _since(began)
    return TestResult(ok=True, message=f"{door.provider.name} answered in {taken} ms.", milliseconds=taken)


def disconnect(connection: Connection, *, user: Any = None) -> None:
    """Revokes at the vendor as well as can be and wipes the credential; whoever listens to `disconnected` stops reading, in
    the same transaction. The row and its history stay."""
    _revoke(connection)
    with transaction.atomic():
        credentials.wipe(connection)
        AccountRoute.objects.filter(connection_id=connection.pk).delete()
        status.change(connection, Connection.Status.DISCONNECTED)
        disconnected.send(sender=Connection, connection=connection, user=user)


def _declared(slug: str) -> Provider:
    try:
        return registry.get(slug)
    except registry.UnknownProvider:
        raise ConnectError(f"The provider '{slug}' is not installed here.") from None


def _auth(provider: Provider, kind: str) -> Auth:
    try:
        return provider.auth_of(kind)
    except KeyError:
        ways = ", ".join(auth.label.lower() for auth in provider.auths)
        raise ConnectError(f"{provider.name} is not connected that way, but by: {ways}.") from None


def _door(connection: Connection) -> Door:
    """For a person who waits: short patience, and neither an open breaker nor a known expiry stops it."""
    chapter = hub.inside()
    caller = Caller.of(connection, chapter)
    return Door(connection, caller, keys.stored(connection, chapter, caller, probe=True), budget=PERSON, probe=True)


def _revoke(connection: Connection) -> None:
    credential = credentials.stored(connection)
    if credential is None:
        return
    try:
        caller = Caller.of(connection, hub.inside())
        auth, secret = caller.sign_in(connection.auth_kind), credentials.opened(credential)
        token = secret.get("refresh_token") or secret.get("access_token")
        if not isinstance(auth, OAuth2) or not auth.revoke or not token:
            return
        row = provider_apps.get(connection.app_id, caller)
    except (ConnectError, ProviderError, CannotDecrypt):  # it is wiped here, whatever is left of provider, app or key
        return
    app = App(client_id=row.client_id, client_secret=row.client_secret, proof=auth.token_auth)
    token_endpoint.revoke(auth.revoke, app, caller, Secret(token))


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
