"""What is said to a vendor's token endpoint, and what its answers mean. Nothing here touches the database.

On requests-oauthlib, with the house's transport under it. The scopes asked for are not told to the library: it would raise
when the vendor grants others, and a refreshed single-use token would be lost with the exception.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from oauthlib.oauth2 import BackendApplicationClient, MissingTokenError, OAuth2Error
from requests import Response
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from integrations.encryption import Secret
from integrations.http.answer import Answer, refusal
from integrations.http.budget import TOKEN
from integrations.http.caller import Caller
from integrations.http.redaction import guarding, redact, shorten
from integrations.http.session import through
from integrations.http.transport import AGAIN_LATER, Transport
from integrations.provider import ClientCredentials, Permanent, ProviderError, Temporary

_LATER = frozenset(["temporarily_unavailable", "server_error"])
_TIMES = ("expires_in", "expires_at")
_LONGEST_LIFE = 10 * 365 * 86_400.0  # a date must stay one, whatever number a vendor sends
_BAD_CLIENT = frozenset(["invalid_client", "unauthorized_client"])


class InvalidGrant(Exception):
    """The vendor no longer knows the code or the refresh token. The text is its own reason, redacted; it may be empty."""


@dataclass(frozen=True, kw_only=True)
class App:
    """The OAuth client: its id, its secret, and how it proves itself (`basic` or `body`)."""

    client_id: str
    client_secret: Secret
    proof: str = "basic"


@dataclass(frozen=True, kw_only=True)
class Granted:
    """`lifetime` in seconds, None where the vendor names none. `refresh` None: the one that was used stays good.
    `scopes` None: what was asked for."""

    access: Secret
    refresh: Secret | None
    lifetime: float | None
    scopes: tuple[str, ...] | None


def exchange(url: str, app: App, caller: Caller, *, code: str, verifier: str | None, redirect_uri: str) -> Granted:
    """The code a person's browser brought back, for tokens. Raises InvalidGrant or ProviderError."""
    session, answers = _session(app, caller, redirect_uri=redirect_uri)
    more = {"code_verifier": verifier} if verifier else {}
    return _granted(
        caller,
        answers,
        (code, verifier or "", app.client_secret.reveal()),
        lambda: session.fetch_token(url, code=code, **_proof(app), **more),
    )


def refresh(url: str, app: App, caller: Caller, refresh_token: Secret) -> Granted:
    """New tokens for a refresh token. Raises InvalidGrant or ProviderError; Temporary with `outcome_unknown` when the vendor
    may have used the refresh token up."""
    session, answers = _session(app, caller)
    client = (
        {"auth": HTTPBasicAuth(app.client_id, app.client_secret.reveal())}
        if app.proof == "basic"
        else {"client_id": app.client_id, "client_secret": app.client_secret.reveal()}
    )
    granted = _granted(
        caller,
        answers,
        (refresh_token.reveal(), app.client_secret.reveal()),
        lambda: session.refresh_token(url, refresh_token=refresh_token.reveal(), **client),
    )
    same = granted.refresh == refresh_token  # the library repeats the old one where the vendor gave none
    return Granted(
        access=granted.access,
        refresh=None if same else granted.refresh,
        lifetime=granted.lifetime,
        scopes=granted.scopes,
    )


def client_credentials(auth: ClientCredentials, app: App, caller: Caller) -> Granted:
    """A token for the client itself. Raises InvalidGrant or ProviderError."""
    session, answers = _session(app, caller, client=BackendApplicationClient(client_id=app.client_id))
    scopes = {"scope": " ".join(scope.name for scope in auth.scopes)} if auth.scopes else {}
    return _granted(
        caller,
        answers,
        (app.client_secret.reveal(),),
        lambda: session.fetch_token(auth.token, **_proof(app), **scopes),
    )


def revoke(url: str, app: App, caller: Caller, token: Secret) -> bool:
    """RFC 7009. Whether the vendor took it; never an error, since the token is wiped here whatever the vendor says."""
    session, _ = _session(app, caller)
    body = {"token": token.reveal()}
    basic = None
    if app.proof == "basic":
        basic = HTTPBasicAuth(app.client_id, app.client_secret.reveal())
    else:
        body |= {"client_id": app.client_id, "client_secret": app.client_secret.reveal()}
    try:
        return bool(session.post(url, data=body, auth=basic, withhold_token=True).ok)
    except ProviderError:
        return False


def app_rejected(caller: Caller, reason: str) -> Permanent:
    said = f" {caller.provider.name} said: “{reason}”" if reason else ""
    return Permanent(
        caller.sentence(
            "does not accept the client id and secret of the app",
            f"Whoever registered it corrects them, then reconnect.{said}",
        )
    )


def _session(app: App, caller: Caller, **more: Any) -> tuple[OAuth2Session, list[Response]]:
    session = through(OAuth2Session(app.client_id, **more), Transport(caller, TOKEN))
    answers: list[Response] = []

    def keep(response: Response) -> Response:
        answers.append(response)
        return _whole_seconds(response)

    session.register_compliance_hook("access_token_response", keep)
    session.register_compliance_hook("refresh_token_response", keep)
    return session, answers


def _proof(app: App) -> dict[str, Any]:
    secret = app.client_secret.reveal()
    if app.proof == "basic":
        return {"auth": HTTPBasicAuth(app.client_id, secret)}
    return {"include_client_id": True, "client_secret": secret}


def _granted(
    caller: Caller, answers: list[Response], secrets: tuple[str, ...], ask: Callable[[], dict[str, Any]]
) -> Granted:
    try:
        with guarding(*secrets):
            token = ask()
    except OAuth2Error as error:
        raise _meaning(error, caller, answers[-1], secrets) from None
    except (ValueError, TypeError, AttributeError):  # an answer the library cannot read
        raise _unreadable(caller, answers[-1], secrets) from None
    access, renewed = token.get("access_token"), token.get("refresh_token")
    if not isinstance(access, str) or not access.isascii() or not access.isprintable() or not access:
        raise _unreadable(caller, answers[-1], secrets)
    lifetime, scopes = token.get("expires_in"), token.get("scope")
    names = [
        part
        for scope in ([scopes] if isinstance(scopes, str) else scopes or ())
        for part in str(scope).replace(",", " ").split()
    ]
    return Granted(
        access=Secret(access),
        refresh=Secret(renewed) if isinstance(renewed, str) and renewed else None,
        lifetime=float(lifetime) if lifetime and lifetime > 0 else None,
        scopes=tuple(names) or None,
    )


def _meaning(error: OAuth2Error, caller: Caller, response: Response, secrets: tuple[str, ...]) -> Exception:
    reason = "" if isinstance(error, MissingTokenError) else shorten(redact(error.description or "", *secrets))
    if error.error == "invalid_grant":
        return InvalidGrant(reason)
    if error.error in _BAD_CLIENT:
        return app_rejected(caller, reason)
    if error.error in _LATER:
        return Temporary(caller.sentence("cannot sign anybody in at the moment", AGAIN_LATER))
    return _unreadable(caller, response, secrets, reason)


def _unreadable(caller: Caller, response: Response, secrets: tuple[str, ...], reason: str = "") -> ProviderError:
    """An answer without a token and without an OAuth error that we know."""
    if response.status_code in {400, 401, 403} and reason:
        said = f"{caller.provider.name} said: “{reason}”"
        return Permanent(caller.sentence("refused the sign-in", said), status=response.status_code)
    if response.ok or response.status_code == 403:  # 403: a firewall's page, not the vendor's word on the token
        return Temporary(caller.sentence("answered without a token", AGAIN_LATER), outcome_unknown=response.ok)
    answer = Answer(
        status=response.status_code,
        headers={name.lower(): value for name, value in response.headers.items()},
        body=response.content,
        url="",
    )
    if response.status_code == 401:
        return app_rejected(caller, "")
    return refusal(answer, caller, "POST", secrets)


def _whole_seconds(response: Response) -> Response:
    """With `expires_in` as the library can take it: some vendors send "1800", as text, or no number at all."""
    try:
        body = response.json()
    except ValueError:
        return response  # the library says what is wrong with it
    if isinstance(body, dict) and not body.keys().isdisjoint(_TIMES):
        seconds = _seconds(body.get("expires_in"))
        kept = {name: value for name, value in body.items() if name not in _TIMES}
        response._content = json.dumps(kept if seconds is None else {**kept, "expires_in": seconds}).encode()
    return response


def _seconds(value: Any) -> int | None:
    try:
        return int(min(float(value), _LONGEST_LIFE))
    except (TypeError, ValueError, OverflowError):
        return None
