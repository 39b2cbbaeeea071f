"""What opens a vendor's door for one connection, in memory while the door is open."""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping

from django.utils import timezone

from integrations.http.caller import Caller
from integrations.http.door import Keys
from integrations.hub.models import Chapter
from integrations.provider import ApiKey, AuthExpired, BasicAuth, ClientCredentials, OAuth2
from integrations.provider.auth import Auth

from . import credentials
from .models import Connection
from .tokens import Token


class Typed:
    """A key, or a user name and password: the same for as long as nobody types another."""

    def __init__(self, auth: Auth, secret: Mapping[str, str]) -> None:
        self._auth = auth
        self._secret_fields = dict(secret)

    def headers(self) -> dict[str, str]:
        if isinstance(self._auth, ApiKey):
            return {self._auth.header: self._auth.value(self._secret_fields["key"])}
        if isinstance(self._auth, BasicAuth):
            return {"Authorization": f"Basic {self._basic()}"}
        return {}

    def secret(self) -> str:
        return self._secret_fields.get("key") or self._secret_fields.get("password") or ""

    def renew(self) -> bool:
        return False

    def values(self) -> tuple[str, ...]:
        """What was typed in, but for a user name, and what is made of it for the header (`Basic ...`)."""
        typed = [value for name, value in self._secret_fields.items() if name != "username"]
        return (*typed, *(header.rpartition(" ")[2] for header in self.headers().values()))

    def _basic(self) -> str:
        pair = f"{self._secret_fields['username']}:{self._secret_fields['password']}"
        return base64.b64encode(pair.encode()).decode()


class Tokens:
    """An access token, renewed when it ends or is refused. One that is not stored yet cannot be renewed."""

    # Its library takes longer to import than most runs take to find out that nothing changed, and a typed key needs none of it.

    def __init__(
        self, token: Token, *, chapter: Chapter, connection: Connection, renewable: bool, probe: bool = False
    ) -> None:
        self._token = token
        self._chapter_id = chapter.pk
        self._connection_id = connection.pk
        self._renewable = renewable
        self._probe = probe
        self._lock = threading.Lock()

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret()}"}

    def secret(self) -> str:
        with self._lock:
            if self._renewable and self._token.is_stale(timezone.now()):
                from . import oauth2

                self._token = oauth2.renewed(self._chapter_id, self._connection_id, probe=self._probe)
            return self._token.access.reveal()

    def renew(self) -> bool:
        if not self._renewable:
            return False
        from . import oauth2

        with self._lock:
            self._token = oauth2.renewed(
                self._chapter_id, self._connection_id, refused=self._token.access, probe=self._probe
            )
        return True

    def values(self) -> tuple[str, ...]:
        return (self._token.access.reveal(),)


def stored(connection: Connection, chapter: Chapter, caller: Caller, *, probe: bool = False) -> Keys:
    """The connection's own keys. AuthExpired when it has none."""
    auth = caller.sign_in(connection.auth_kind)
    credential = credentials.stored(connection)
    if credential is None:
        raise AuthExpired(caller.sentence("is not connected", "Connect it."))
    if not isinstance(auth, (OAuth2, ClientCredentials)):
        return Typed(auth, credentials.opened(credential))
    from . import oauth2

    token = oauth2.token_of(credential) or oauth2.renewed(chapter.pk, connection.pk, probe=probe)
    renewable = isinstance(auth, ClientCredentials) or auth.refresh
    return Tokens(token, chapter=chapter, connection=connection, renewable=renewable, probe=probe)
