"""Connecting with what a person typed in: tried at the vendor first, kept only when it works."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from integrations.encryption import Secret
from integrations.http.budget import PERSON
from integrations.http.caller import Caller
from integrations.http.door import Door, Keys
from integrations.hub.models import Chapter
from integrations.provider import AuthExpired, ClientCredentials, Provider, ProviderError
from integrations.provider.auth import Auth

from . import accounts, credentials, fields, keys, rows, status, token_endpoint
from .errors import ConnectError
from .models import Connection
from .token_endpoint import App, InvalidGrant
from .tokens import Token


def connect(
    row: Connection, auth: Auth, given: Mapping[str, str], *, chapter: Chapter, user: Any, account_id: str
) -> Connection:
    """The row, connected and saved; or saved and waiting, disconnected, for a person to choose one of several accounts.

    ConnectError when something typed in is wrong, or the vendor does not take it.
    """
    caller = Caller.of(row, chapter)
    secret, values = fields.check(caller.provider, auth, given)
    row.auth_kind, row.values = auth.kind, {**row.values, **values}
    try:
        opens, secret, ends = _keys(auth, secret, chapter, row, caller)
        account, waits = _try(row, caller, opens, account_id)
    except AuthExpired as error:
        raise ConnectError(str(error), _refused(caller.provider, auth)) from None
    except ProviderError as error:
        raise ConnectError(str(error)) from None
    with transaction.atomic():
        row.connected_by_id = getattr(user, "pk", None)
        rows.keep(row)
        credentials.save(row, secret, expires_at=ends)
        if waits:
            status.change(row, Connection.Status.DISCONNECTED)
        else:
            accounts.settle(row, account)
    return row


def _keys(
    auth: Auth, secret: dict[str, str], chapter: Chapter, row: Connection, caller: Caller
) -> tuple[Keys, dict[str, str], datetime | None]:
    if not isinstance(auth, ClientCredentials):
        return keys.Typed(auth, secret), secret, None
    app = App(client_id=secret["client_id"], client_secret=Secret(secret["client_secret"]))
    try:
        granted = token_endpoint.client_credentials(auth, app, caller)
    except InvalidGrant as error:
        raise token_endpoint.app_rejected(caller, str(error)) from None
    now = timezone.now()
    ends = None if granted.lifetime is None else now + timedelta(seconds=granted.lifetime)
    token = Token(access=granted.access, obtained_at=now, expires_at=ends)
    opens = keys.Tokens(token, chapter=chapter, connection=row, renewable=False)
    return opens, {**secret, "access_token": granted.access.reveal()}, ends


def _try(row: Connection, caller: Caller, opens: Keys, wanted: str) -> tuple[accounts.Account | None, bool]:
    """The account it opens, and whether a person must choose one first. Raises ProviderError when the vendor refuses."""
    door = Door(row, caller, opens, budget=PERSON, probe=True)
    try:
        account = None
        if caller.provider.accounts is not None:
            account = accounts.pick(row, accounts.ask(door), wanted, caller.provider.name)
            if account is None:
                return None, True
            row.account_id = account["id"]  # some vendors want it in a header
        door.request("GET", caller.provider.test)
    finally:
        door.close()
    return account, False


def _refused(provider: Provider, auth: Auth) -> dict[str, str]:
    sentence = f"{provider.name} does not accept this. Copy it again, and check that it is still valid there."
    return {field["name"]: sentence for field in fields.of(provider, auth) if field["secret"]}
