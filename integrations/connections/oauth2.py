"""A valid access token, whoever asks and however many ask at once.

A refresh runs under a lock on the credential's row, on a database connection of its own: whoever waited for the lock reads
again and finds the new token, and the new token is committed before anybody uses it. A single-use refresh token is thereby
used once, and never lost to a caller that rolls back.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import OperationalError, transaction
from django.db import connection as database
from django.utils import timezone
from psycopg.errors import LockNotAvailable

from integrations import hub
from integrations.encryption import Secret
from integrations.http.caller import Caller
from integrations.http.door import fill
from integrations.http.transport import AGAIN_LATER
from integrations.provider import AuthExpired, ClientCredentials, OAuth2, ProviderError, Temporary
from integrations.provider.auth import Auth

from . import credentials, provider_apps, status, token_endpoint
from .apart import apart
from .errors import ConnectError
from .models import Connection, Credential
from .token_endpoint import App, Granted, InvalidGrant
from .tokens import Token

LONGEST_WAIT = "90s"  # longer than any refresh

log = logging.getLogger(__name__)

# Those of one process queue up here, so that waiting for the row costs a process one database connection, not one each.
_turns = [threading.Lock() for _ in range(64)]


def access_token(connection: Connection) -> Secret:
    """A token that is good for a while, refreshed first when it must be.

    Raises AuthExpired (reconnect), Temporary or RateLimited (later), Permanent (the app is not accepted).
    """
    chapter = hub.inside()
    credential = credentials.stored(connection)
    if credential is not None:
        token = token_of(credential)
        if token is not None and not token.is_stale(timezone.now()):
            return token.access
    return renewed(chapter.pk, connection.pk).access


def token_of(credential: Credential) -> Token | None:
    access = credentials.opened(credential).get("access_token")
    if not access:
        return None
    return Token(access=Secret(access), obtained_at=credential.refreshed_at, expires_at=credential.expires_at)


def renewed(chapter_id: UUID, connection_id: UUID, *, refused: Secret | None = None, probe: bool = False) -> Token:
    """The connection's token, newer than `refused` (one the vendor no longer takes). May be asked from any thread.

    A connection that is already known to be expired is not asked for again, unless `probe`.
    """
    with _turns[hash(connection_id) % len(_turns)]:
        try:
            outcome = apart(chapter_id, lambda: _under_lock(connection_id, refused, probe=probe))
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            outcome = Temporary("The sign-in has been under renewal elsewhere for too long. " + AGAIN_LATER)
    if isinstance(outcome, Token):
        return outcome
    raise outcome


def _under_lock(connection_id: UUID, refused: Secret | None, *, probe: bool) -> Token | ProviderError:
    """The token, or why there is none. Returned, not raised: what was learnt is committed either way."""
    with transaction.atomic():
        with database.cursor() as cursor:
            # PostgreSQL cannot see a deadlock with a caller that waits for us while it holds the row.
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LONGEST_WAIT])
        credential = Credential.objects.select_for_update().filter(pk=connection_id, secret__isnull=False).first()
        if credential is None:
            return AuthExpired("The connection has no sign-in any more: connect it again.")
        connection = Connection.objects.get(pk=connection_id)
        token = token_of(credential)
        if token is not None and token.access != refused and not token.is_stale(timezone.now()):
            return token  # somebody refreshed it while we waited for the row
        if connection.status == Connection.Status.EXPIRED and not probe:
            return AuthExpired(connection.last_error)
        return _Refresh.of(connection, credential).run()


@dataclass(frozen=True, kw_only=True)
class _Refresh:
    """One refresh of a credential whose row is locked."""

    connection: Connection
    credential: Credential
    secret: dict[str, Any] = field(repr=False)
    caller: Caller

    @classmethod
    def of(cls, connection: Connection, credential: Credential) -> _Refresh:
        return cls(
            connection=connection,
            credential=credential,
            secret=credentials.opened(credential),
            caller=Caller.of(connection, hub.inside()),
        )

    def run(self) -> Token | ProviderError:
        try:
            granted = self._ask(self.caller.sign_in(self.connection.auth_kind))
        except InvalidGrant as error:
            return self._expired(str(error))
        except (ConnectError, AuthExpired) as error:
            return self._expired_because(str(error))
        except ProviderError as error:
            if getattr(error, "outcome_unknown", False):
                self._remember_loss()
            return error
        return self._save(granted)

    def _ask(self, auth: Auth) -> Granted:
        if isinstance(auth, ClientCredentials):
            app = App(client_id=self.secret["client_id"], client_secret=Secret(self.secret["client_secret"]))
            return token_endpoint.client_credentials(auth, app, self.caller)
        if not isinstance(auth, OAuth2) or not auth.refresh or not self.secret.get("refresh_token"):
            raise InvalidGrant
        row = provider_apps.get(self.connection.app_id, self.caller)
        app = App(client_id=row.client_id, client_secret=row.client_secret, proof=auth.token_auth)
        url = fill(auth.token, self.connection.values, self.caller)
        old = Secret(self.secret["refresh_token"])
        # After a lost answer the old token may be tried once more: where it does not rotate, or the vendor forgives.
        again = auth.grace_seconds > 0 or not auth.refresh_rotates
        return _once_more(again, lambda: token_endpoint.refresh(url, app, self.caller, old))

    def _save(self, granted: Granted) -> Token:
        now = timezone.now()
        secret = {**self.secret, "access_token": granted.access.reveal()}
        secret.pop("lost_at", None)
        if granted.refresh is not None:
            secret["refresh_token"] = granted.refresh.reveal()
        ends = None if granted.lifetime is None else now + timedelta(seconds=granted.lifetime)
        scopes, missing = self.credential.scopes, self.credential.missing_scopes
        if granted.scopes is not None:
            asked = {*scopes, *missing}
            scopes, missing = granted.scopes, asked - set(granted.scopes)
        credentials.save(self.connection, secret, expires_at=ends, scopes=scopes, missing_scopes=missing)
        return Token(access=granted.access, obtained_at=now, expires_at=ends)

    def _expired(self, reason: str) -> AuthExpired:
        said = f" {self.caller.provider.name} said: “{reason}”" if reason else ""
        lost = self.secret.get("lost_at")
        cause = (
            f" The answer to a renewal was lost at {lost}, and the token before it is no longer taken." if lost else ""
        )
        return self._expired_because(
            self.caller.sentence("no longer accepts this sign-in", f"Reconnect it.{cause}{said}")
        )

    def _expired_because(self, message: str) -> AuthExpired:
        """Nothing is deleted: a person, or the vendor's change of mind, may still save it."""
        status.change(self.connection, Connection.Status.EXPIRED, message)
        log.warning("%s", message)
        return AuthExpired(message)

    def _remember_loss(self) -> None:
        self.credential.secret = credentials.sealed({**self.secret, "lost_at": f"{timezone.now():%Y-%m-%d %H:%M} UTC"})
        self.credential.save(update_fields=["secret"])


def _once_more(again: bool, ask: Callable[[], Granted]) -> Granted:
    try:
        return ask()
    except Temporary as error:
        if not (again and error.outcome_unknown):
            raise
    return ask()
