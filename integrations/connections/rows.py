"""The connection rows that connecting begins with, and what of them it may write."""

from __future__ import annotations

from django.conf import settings
from django.db import IntegrityError, transaction

from integrations.hub.models.providers import Environment
from integrations.provider import Provider

from .errors import ConnectError
from .models import Connection, Credential

# Not status (status.py alone writes it), nor what a sync writes meanwhile.
_KEPT = (
    "environment", "auth_kind", "account_id", "account_name", "values", "settings", "connected_at", "connected_by", "app_id",
    "plan_first", "updated_at",
)  # fmt: skip


def find(
    provider: Provider, name: str, environment: str, connection: Connection | None, *, plan_first: bool | None = None
) -> Connection:
    """The given connection read afresh, one that was begun under that name and never worked, or a new one, not saved.

    `plan_first` None: as the connection has it; a new one shows its first reads to a person.
    """
    row = _find(provider, name, environment, connection)
    if plan_first is not None or row._state.adding:
        row.plan_first = plan_first is not False
    return row


def _find(provider: Provider, name: str, environment: str, connection: Connection | None) -> Connection:
    if connection is not None:
        if connection.provider != provider.slug:
            raise ConnectError(f"'{connection.name}' is not a connection to {provider.name}.")
        return Connection.objects.get(pk=connection.pk)
    name = " ".join(name.split())
    if environment not in Environment.values:
        raise ConnectError("There is no such environment.", {"environment": "Choose live, sandbox or lab."})
    if environment == Environment.LAB and not settings.LAB_URL:
        raise ConnectError("There is no sample data here: no lab is running.", {"environment": "Choose live."})
    if not name or len(name) > 100 or not name.isprintable():
        raise ConnectError("Give the connection a name.", {"name": "Up to 100 characters, such as 'Our ledger'."})
    known = Connection.objects.filter(provider=provider.slug, name=name).first()
    if known is None:
        return Connection(provider=provider.slug, name=name, environment=environment)
    if known.connected_at is not None:
        raise ConnectError(
            f"There is a {provider.name} connection called '{name}' already.",
            {"name": "Choose another name, or reconnect the one that has it."},
        )
    if known.environment != environment and Credential.objects.filter(pk=known.pk).exists():
        raise ConnectError(
            f"'{name}' has been signed in to the {known.environment} environment and waits for its account.",
            {"name": "Choose another name, or the account of the one that has it."},
        )
    known.environment = environment
    return known


def keep(connection: Connection) -> None:
    """ConnectError when another request has just made a connection of that name."""
    if connection._state.adding:
        try:
            with transaction.atomic():
                connection.save()
        except IntegrityError:
            raise ConnectError(
                f"Another connection called '{connection.name}' has just been made.",
                {"name": "Another connection already has this name. Choose a different one."},
            ) from None
    else:
        connection.save(update_fields=_KEPT)
