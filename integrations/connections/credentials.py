"""A connection's secret, as it is kept: one sealed JSON object.

OAuth: access_token, refresh_token. Client credentials: client_id, client_secret, access_token. Otherwise key, or username
and password.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from .models import Connection, Credential


def opened(credential: Credential) -> dict[str, Any]:
    """The secret in the clear; empty when there is none."""
    return json.loads(credential.secret.reveal()) if credential.secret else {}


def sealed(secret: Mapping[str, Any]) -> str:
    """What is assigned to the encrypted field."""
    return json.dumps(dict(secret))


def stored(connection: Connection) -> Credential | None:
    return Credential.objects.filter(pk=connection.pk, secret__isnull=False).first()


def save(
    connection: Connection,
    secret: Mapping[str, Any],
    *,
    expires_at: datetime | None = None,
    scopes: Iterable[str] = (),
    missing_scopes: Iterable[str] = (),
) -> None:
    """Seals the secret, in place of whatever was there. Waits for a refresh that is under way."""
    Credential.objects.update_or_create(
        connection=connection,
        defaults={
            "secret": sealed(secret),
            "expires_at": expires_at,
            "refreshed_at": timezone.now(),
            "scopes": sorted(scopes),
            "missing_scopes": sorted(missing_scopes),
        },
    )


def wipe(connection: Connection) -> None:
    Credential.objects.filter(pk=connection.pk).delete()
