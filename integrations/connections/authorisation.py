"""Signing in at the vendor: sending a person there, and taking in what their browser brings back."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from integrations import hub
from integrations.encryption import Secret
from integrations.http.budget import PERSON
from integrations.http.caller import Caller
from integrations.http.door import Door, fill
from integrations.hub.models import Chapter, OAuthState, ProviderApp
from integrations.provider import OAuth2, ProviderError

from . import accounts, credentials, provider_apps, rows, states, status, token_endpoint
from .errors import ConnectError
from .keys import Tokens
from .models import Connection
from .token_endpoint import App, Granted, InvalidGrant
from .tokens import Token

HOME = "/marketplace/"


def redirect_uri() -> str:
    """The one address that is registered with every vendor."""
    return f"{settings.PUBLIC_URL.rstrip('/')}/oauth/callback"


def address(connection: Connection, auth: OAuth2, *, chapter: Chapter, user: Any, browser: str, return_to: str) -> str:
    """Where the person is sent to approve. ConnectError when no app is registered."""
    caller = Caller.of(connection, chapter)
    app = provider_apps.find(caller.provider, connection.environment, chapter)
    state, verifier = states.begin(
        chapter=chapter,
        connection_id=connection.pk,
        app_id=app.pk,
        user_id=getattr(user, "pk", None),
        browser=browser,
        return_to=local(return_to),
    )
    query = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": redirect_uri(),
        "state": state,
        **({"scope": auth.scope_separator.join(wanted_scopes(auth, connection))} if auth.scopes else {}),
        **auth.extra,
    }
    if auth.pkce:
        query |= {"code_challenge": _challenge(verifier), "code_challenge_method": "S256"}
    url = fill(auth.authorize, connection.values, caller)
    if connection.environment == "lab":
        url = settings.LAB_URL.rstrip("/") + "/" + url.removeprefix("https://")
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(query)}"


def wanted_scopes(auth: OAuth2, connection: Connection) -> list[str]:
    """To read, always; to write, where the connection is set to (`settings["write"]`)."""
    may_write = bool(connection.settings.get("write"))
    return [scope.name for scope in auth.scopes if may_write or not scope.write]


def finish(
    params: Mapping[str, str], browser: str, user: Any = None, provider: str = ""
) -> tuple[Connection, OAuthState]:
    """What the vendor sent the browser back with. ConnectError says what went wrong; the state is used up either way."""
    state = states.claim(str(params.get("state", "")), browser, hub.current(), getattr(user, "pk", None))
    with hub.enter(state.chapter) as chapter:
        connection = Connection.objects.filter(pk=state.connection_id).first()
        if connection is None:
            raise ConnectError("The connection was removed meanwhile. Begin it again.")
        if provider not in {"", connection.provider}:
            raise ConnectError(states.REFUSED)
        try:
            caller = Caller.of(connection, chapter)
            auth = caller.sign_in(OAuth2.kind)
            if params.get("error") or not params.get("code"):
                raise ConnectError(
                    f"{caller.provider.name} was not connected: the request was not approved there. "
                    f"'{connection.name}' is as it was before."
                )
            _take_in(connection, state, chapter, caller, auth, code=str(params["code"]))
        except ProviderError as error:
            raise ConnectError(str(error)) from None
    return connection, state


def local(return_to: str) -> str:
    """A path of the chapter's own pages, or their front."""
    fine = return_to.startswith("/") and len(return_to) <= 300 and url_has_allowed_host_and_scheme(return_to, None)
    return return_to if fine else HOME


def _take_in(
    connection: Connection, state: OAuthState, chapter: Chapter, caller: Caller, auth: Any, *, code: str
) -> None:
    """The code becomes a token, the token an account; all of it is kept together, or nothing."""
    app = provider_apps.get(state.app_id, caller)
    granted = _exchange(auth, app, caller, connection=connection, state=state, code=code)
    obtained = timezone.now()
    ends = None if granted.lifetime is None else obtained + timedelta(seconds=granted.lifetime)
    token = Token(access=granted.access, obtained_at=obtained, expires_at=ends)
    connection.auth_kind = auth.kind
    keys = Tokens(token, chapter=chapter, connection=connection, renewable=False)
    door = Door(connection, caller, keys, budget=PERSON, probe=True)
    try:
        if auth.lookup is not None:
            connection.values = {**connection.values, **accounts.look_up(door, auth.lookup, granted.access.reveal())}
            fill(caller.provider.base_url, connection.values, caller)
        choices = accounts.ask(door)
    finally:
        door.close()
    if caller.provider.accounts is not None and not choices:
        raise ConnectError(f"This sign-in opens no {caller.provider.name} account. Sign in as somebody who has one.")
    account = accounts.pick(connection, choices, "", caller.provider.name) if choices else None
    asked = wanted_scopes(auth, connection)
    has = asked if granted.scopes is None else granted.scopes
    with transaction.atomic():
        connection.app_id = app.pk
        connection.connected_by_id = state.user_id
        rows.keep(connection)
        credentials.save(connection, _secret(granted), expires_at=ends, scopes=has, missing_scopes=_missing(asked, has))
        if account is not None or caller.provider.accounts is None:
            accounts.settle(connection, account)
        else:
            status.change(connection, Connection.Status.DISCONNECTED)  # until a person chooses one of several accounts


def _exchange(
    auth: OAuth2, app: ProviderApp, caller: Caller, *, connection: Connection, state: OAuthState, code: str
) -> Granted:
    try:
        return token_endpoint.exchange(
            fill(auth.token, connection.values, caller),
            App(client_id=app.client_id, client_secret=app.client_secret, proof=auth.token_auth),
            caller,
            code=code,
            verifier=state.code_verifier.reveal() if auth.pkce else None,
            redirect_uri=redirect_uri(),
        )
    except InvalidGrant as error:
        said = f" {caller.provider.name} said: “{error}”" if str(error) else ""
        raise ConnectError(
            f"{caller.provider.name} did not take the approval: begin the sign-in again.{said}"
        ) from None


def _secret(granted: Granted) -> dict[str, str]:
    secret = {"access_token": granted.access.reveal()}
    if granted.refresh is not None:
        secret["refresh_token"] = granted.refresh.reveal()
    return secret


def _missing(asked: Iterable[str], has: Iterable[str]) -> set[str]:
    """More than asked for is no error; less switches off what needs it."""
    return set(asked) - set(has)


def _challenge(verifier: Secret) -> str:
    digest = hashlib.sha256(verifier.reveal().encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
