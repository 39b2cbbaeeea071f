"""The authorisation server of every vendor that has one: a page with one button, PKCE, single-use codes and rotating
single-use refresh tokens."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Mapping
from html import escape
from urllib.parse import urlencode, urlsplit

from integrations.provider import ClientCredentials, OAuth2, Provider

from .callers import seed_of
from .store import Store
from .wire import Answer, Refusal, Request, json_bytes

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}: sample sign-in</title>
<meta name="viewport" content="width=device-width"><style>body{{font:16px/1.5 system-ui;max-width:28rem;margin:4rem auto;
padding:0 1rem}}label,input,button{{display:block;width:100%;font:inherit;box-sizing:border-box}}input,button{{padding:.6rem;
margin:.3rem 0 1rem}}button{{background:#1d4ed8;color:#fff;border:0;border-radius:.4rem}}</style>
<h1>{name} (sample data)</h1><p>This page stands in for {name}. Nothing here is real.</p>
<p>The application asks for:</p><ul>{scopes}</ul>
<form method="post"><label>Sign in as <input name="login" value="{login}" maxlength="60"></label>
<button name="answer" value="approve">Approve</button></form></html>"""


def authorize(provider: Provider, auth: OAuth2, store: Store, request: Request) -> Answer:
    """GET shows the page; POST, or `auto=1`, sends the browser back with a code."""
    asked = dict(request.query)
    posted = request.form if request.method == "POST" else {}
    problem = _problem(auth, asked)
    if problem:
        return Answer(status=400, body=f"<!doctype html><p>{escape(problem)}</p>".encode(), content_type="text/html")
    login = posted.get("login") or asked.get("login") or "demo"
    if request.method != "POST" and asked.get("auto") != "1":
        names = asked.get("scope", "").split(auth.scope_separator)
        page = PAGE.format(
            name=escape(provider.name),
            scopes="".join(f"<li>{escape(name)}</li>" for name in names if name) or "<li>its data</li>",
            login=escape(login, quote=True),
        )
        return Answer(body=page.encode(), content_type="text/html; charset=utf-8")
    declared = {scope.name for scope in auth.scopes}
    wanted = [name for name in asked.get("scope", "").split(auth.scope_separator) if name]
    if declared and not set(wanted) <= declared:
        return _back(asked, {"error": "invalid_scope"})
    if posted.get("answer") == "deny" or asked.get("deny") == "1":
        return _back(asked, {"error": "access_denied"})
    code = secrets.token_urlsafe(24)
    store.do(
        "INSERT INTO codes (code, provider, login, redirect_uri, challenge, scope, client_id, expires_at, family)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        code, provider.slug, _plain(login), asked["redirect_uri"], asked.get("code_challenge", ""),
        auth.scope_separator.join(wanted), asked["client_id"], time.time() + store.setting("code_seconds"),
        secrets.token_hex(8),
    )  # fmt: skip
    return _back(asked, {"code": code})


def token(provider: Provider, auth: OAuth2, store: Store, request: Request) -> Answer:
    """RFC 6749: a code or a refresh token for tokens."""
    client = _client(auth, request)
    match request.form.get("grant_type"):
        case "authorization_code":
            row = _redeemed(auth, store, request.form, client)
            kept = {name: row[name] for name in ("login", "scope", "family")}
            return _issued(provider, store, **kept, refresh=secrets.token_urlsafe(24) if auth.refresh else None)
        case "refresh_token" if auth.refresh:
            return _refreshed(provider, auth, store, request.form.get("refresh_token", ""))
    raise Refusal(400, "unsupported_grant_type")


def client_token(provider: Provider, auth: ClientCredentials, store: Store, request: Request) -> Answer:
    """RFC 6749, 4.4: the client's own id and secret for a token."""
    client = _client(auth, request)
    if request.form.get("grant_type") != "client_credentials":
        raise Refusal(400, "unsupported_grant_type")
    family = secrets.token_hex(8)
    return _issued(provider, store, login=seed_of(client), scope=request.form.get("scope", ""), family=family)


def revoke(auth: OAuth2, store: Store, request: Request) -> Answer:
    """RFC 7009: the token and all that came of the same sign-in. 200 for an unknown one too."""
    _client(auth, request)
    row = store.row("SELECT family FROM tokens WHERE token = ?", request.form.get("token", ""))
    if row:
        store.do("UPDATE tokens SET revoked = 1 WHERE family = ?", row["family"])
    return Answer(body=b"")


def _problem(auth: OAuth2, asked: Mapping[str, str]) -> str | None:
    if asked.get("response_type") != "code":
        return "response_type must be 'code'."
    if not asked.get("client_id") or "wrong" in asked["client_id"]:
        return "client_id is missing or unknown."
    if urlsplit(asked.get("redirect_uri", "")).scheme not in ("http", "https"):
        return "redirect_uri must be an address."
    if auth.pkce and (asked.get("code_challenge_method") != "S256" or len(asked.get("code_challenge", "")) != 43):
        return "code_challenge with the method S256 is required."
    return None


def _back(asked: Mapping[str, str], answer: Mapping[str, str]) -> Answer:
    given = {**answer, **({"state": asked["state"]} if "state" in asked else {})}
    address = asked["redirect_uri"]
    return Answer(status=302, headers={"Location": f"{address}{'&' if '?' in address else '?'}{urlencode(given)}"})


def _plain(login: str) -> str:
    return "".join(c for c in login.lower() if c.isascii() and c.isalnum()) or "demo"


def _client(auth: OAuth2 | ClientCredentials, request: Request) -> str:
    """The client's id; refused where it does not prove itself as declared."""
    if isinstance(auth, ClientCredentials) or auth.token_auth == "basic":  # noqa: S105 not a password
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            decoded = base64.b64decode(encoded, validate=True).decode() if scheme.lower() == "basic" else ""
        except ValueError:
            decoded = ""
        client, _, secret = decoded.partition(":")
    else:
        client, secret = request.form.get("client_id", ""), request.form.get("client_secret", "")
    if not client or not secret or "wrong" in secret:
        raise Refusal(401, "invalid_client")
    return client


def _redeemed(auth: OAuth2, store: Store, form: Mapping[str, str], client: str) -> Mapping[str, str]:
    row = store.row("SELECT * FROM codes WHERE code = ?", form.get("code", ""))
    if row is None:
        raise Refusal(400, "invalid_grant")
    if store.do("UPDATE codes SET used = 1 WHERE code = ? AND used = 0", row["code"]) == 0:
        store.do("UPDATE tokens SET revoked = 1 WHERE family = ?", row["family"])  # RFC 6749, 4.1.2
        raise Refusal(400, "invalid_grant")
    verifier = form.get("code_verifier", "")
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    wrong = (
        row["expires_at"] < time.time()
        or row["redirect_uri"] != form.get("redirect_uri")
        or row["client_id"].partition(":")[0] != client
        or (auth.pkce and row["challenge"] != challenge)
    )
    if wrong:
        raise Refusal(400, "invalid_grant")
    return dict(row)


def _refreshed(provider: Provider, auth: OAuth2, store: Store, given: str) -> Answer:
    store.count(provider.slug, "refreshes")
    row = store.row("SELECT * FROM tokens WHERE token = ? AND kind = 'refresh' AND provider = ?", given, provider.slug)
    if row is None or row["revoked"]:
        raise Refusal(400, "invalid_grant")
    kept = {name: row[name] for name in ("login", "scope", "family")}
    if not auth.refresh_rotates:
        return _issued(provider, store, **kept, known=given)
    if store.do("UPDATE tokens SET used_at = ? WHERE token = ? AND used_at IS NULL", time.time(), given) == 0:
        used = store.row("SELECT used_at FROM tokens WHERE token = ?", given)
        elapsed = time.time() - (used["used_at"] if used else 0)
        if not store.setting("honour_grace") or elapsed >= auth.grace_seconds:
            store.do("UPDATE tokens SET revoked = 1 WHERE family = ?", row["family"])
            raise Refusal(400, "invalid_grant")
    return _issued(provider, store, **kept, refresh=secrets.token_urlsafe(24))


def _issued(
    provider: Provider,
    store: Store,
    *,
    login: str,
    scope: str,
    family: str,
    refresh: str | None = None,
    known: str | None = None,
) -> Answer:
    """An access token, with a new refresh token or the `known` one; with neither it never expires."""
    seconds, access = store.setting("token_seconds"), f"lab-access-{secrets.token_urlsafe(24)}"
    keep = "INSERT INTO tokens (token, kind, provider, login, scope, family, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
    expires = time.time() + seconds if refresh or known else None
    store.do(keep, access, "access", provider.slug, login, scope, family, expires)
    answer: dict[str, object] = {"access_token": access, "token_type": "Bearer", "scope": scope}
    if expires:
        answer |= {"expires_in": int(seconds), "refresh_token": known or f"lab-refresh-{refresh}"}
    if refresh:
        store.do(keep, answer["refresh_token"], "refresh", provider.slug, login, scope, family, None)
    return Answer(body=json_bytes(answer), headers={"Cache-Control": "no-store"})
