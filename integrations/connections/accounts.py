"""Which of the vendor's accounts a sign-in opens, and which one a connection is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from integrations import hub
from integrations.http.door import Door
from integrations.hub.models import AccountRoute
from integrations.provider import Lookup

from . import rows, status
from .errors import ConnectError
from .models import Connection
from .signals import connected

Account = dict[str, str]
_LONGEST = 200


def ask(door: Door) -> list[Account]:
    """`{"id", "name"}` of every account the credential opens; empty where the provider knows no accounts."""
    declared = door.provider.accounts
    if declared is None:
        return []
    answer = door.request("GET", declared.path)
    rows = answer if declared.records is None else at(answer, declared.records)
    found = []
    for row in rows if isinstance(rows, list) else [rows]:
        key, name = at(row, declared.id), at(row, declared.name)
        if isinstance(key, (str, int)) and _sendable(str(key)):
            found.append({"id": str(key), "name": str(name or key)[:_LONGEST]})
    return found


def look_up(door: Door, lookup: Lookup, token: str) -> dict[str, str]:
    """What the vendor tells about the sign-in just after it: name -> value, for the base URL."""
    answer = door.request("GET", lookup.url, headers={"Authorization": f"{lookup.scheme} {token}"})
    return {name: str(value) for name, path in lookup.values.items() if (value := at(answer, path)) is not None}


def pick(connection: Connection, choices: list[Account], wanted: str, provider_name: str) -> Account | None:
    """The account the connection is for; None when a person has to choose.

    A connection keeps its account for life: its links and its history are that account's. ConnectError when the sign-in does
    not open it.
    """
    wanted = connection.account_id or wanted
    if not wanted:
        return choices[0] if len(choices) == 1 else None
    for choice in choices:
        if choice["id"] == wanted:
            return choice
    opened = ", ".join(f"'{choice['name']}'" for choice in choices[:5]) or "no account"
    if connection.account_id:
        raise ConnectError(
            f"This sign-in opens {opened}, but '{connection.name}' belongs to the {provider_name} account "
            f"'{connection.account_name or connection.account_id}'. Sign in to that one, or make a new connection."
        )
    raise ConnectError(
        f"This sign-in opens {opened}, not the account asked for.", {"account_id": "Choose one it opens."}
    )


def settle(connection: Connection, account: Account | None) -> None:
    """The connection works from now on: for this account, with a route for the vendor's deliveries."""
    chapter = hub.inside()
    with transaction.atomic():
        if account is not None:
            connection.account_id, connection.account_name = account["id"], account["name"]
        connection.connected_at = timezone.now()
        rows.keep(connection)
        if connection.account_id:
            AccountRoute.objects.update_or_create(
                connection_id=connection.pk,
                defaults={"provider": connection.provider, "account_id": connection.account_id, "chapter": chapter},
            )
        status.change(connection, Connection.Status.CONNECTED)
        connected.send(sender=Connection, connection=connection)


def at(value: Any, path: str) -> Any:
    """What stands at a dotted path; None where nothing does. "" is the value itself."""
    for name in filter(None, path.split(".")):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _sendable(key: str) -> bool:
    """It travels in a header, and in our tables."""
    return 0 < len(key) <= _LONGEST and key.isascii() and key.isprintable()
