"""Who is asking: a request's credential, held to the provider's declaration.

Any well-formed key opens the account that is derived from it; one that contains "wrong" or "revoked" opens none.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import time
from dataclasses import dataclass
from typing import Any

from integrations.provider import ApiKey, BasicAuth, ClientCredentials, NoAuth, OAuth2, Provider, dig

from .samples import Samples
from .store import Store
from .variation import Variation
from .wire import Refusal, Request


@dataclass(frozen=True, kw_only=True)
class Caller:
    """`account` is the vendor's id of the account asked about; `seed` decides whose data it holds."""

    account: str
    seed: str
    login: str = ""


def seed_of(credential: str) -> str:
    """The account a key or sign-in name stands for: its longest word of five small letters or more, so that the keys of
    one chapter at several vendors open the same cast of people; a key without such a word stands for itself."""
    words = re.findall(r"[a-z]{5,}", credential)
    return max(words, key=len) if words else hashlib.blake2b(credential.encode(), digest_size=6).hexdigest()


def accounts_of(samples: Samples, login: str) -> list[dict[str, Any]]:
    """What a sign-in opens, in the vendor's shape: ids and names of its own."""
    declared, answer = samples.provider.accounts, samples.answer("_accounts")
    if declared is None or answer is None:
        return []
    records = answer if declared.records is None else dig(answer, declared.records)
    made: list[dict[str, Any]] = about(samples, records if isinstance(records, list) else [records], login)
    return made


def about(samples: Samples, sample: Any, login: str) -> Any:
    """What the vendor says of the account itself, as that sign-in sees it."""
    return _named(Variation(samples, f"{login}|account", 0).of(sample), login)


def _named(value: Any, login: str) -> Any:
    """`Sample Chapter` becomes `Sydney Chapter` for the sign-in `sydney`."""
    if isinstance(value, dict):
        return {key: _named(inner, login) for key, inner in value.items()}
    if isinstance(value, list):
        return [_named(inner, login) for inner in value]
    if isinstance(value, str) and login.isalpha():
        return value.replace("Sample", login.title())
    return value


def caller(samples: Samples, store: Store, request: Request) -> Caller:
    """Refusal 401 where no way to sign in accepts the credential, 403 for an account that it does not open."""
    login = _login(samples.provider, store, request)
    declared = samples.provider.accounts
    ids = [str(dig(record, declared.id)) for record in accounts_of(samples, login)] if declared else []
    account = ids[0] if ids else hashlib.blake2b(login.encode(), digest_size=8).hexdigest()
    if declared and declared.header:
        account = request.headers.get(declared.header.lower(), "")
        if account not in ids:
            raise Refusal(403, "AuthorizationUnsuccessful: the credential does not open that account.")
    place = ids.index(account) if account in ids else 0
    seed = f"{login}/{place}" if place else login
    store.see(samples.provider.slug, account, seed)
    return Caller(account=account, seed=seed, login=login)


def signed_in(samples: Samples, store: Store, request: Request) -> str:
    """The sign-in name behind the credential, no account chosen."""
    return _login(samples.provider, store, request)


def _login(provider: Provider, store: Store, request: Request) -> str:
    given = request.headers.get("authorization", "")
    for auth in provider.auths:
        match auth:
            case NoAuth():
                return "anybody"
            case OAuth2() | ClientCredentials():
                login = _bearer(provider, store, auth, given)
            case ApiKey():
                login = _key(auth, request.headers.get(auth.header.lower(), ""))
            case BasicAuth():
                login = _basic(auth, given)
        if login:
            return login
    raise Refusal(401, "AuthenticationUnsuccessful: the credential is missing, wrong, expired or revoked.")


def _bearer(provider: Provider, store: Store, auth: OAuth2 | ClientCredentials, given: str) -> str | None:
    scheme, _, token = given.partition(" ")
    known = {"bearer", auth.lookup.scheme.lower()} if isinstance(auth, OAuth2) and auth.lookup else {"bearer"}
    if scheme.lower() not in known:
        return None
    row = store.row(
        "SELECT login FROM tokens WHERE token = ? AND provider = ? AND kind = 'access' AND revoked = 0"
        " AND (expires_at IS NULL OR expires_at > ?)",
        token, provider.slug, time.time(),
    )  # fmt: skip
    return row["login"] if row else None


def _key(auth: ApiKey, given: str) -> str | None:
    if auth.username is None:
        pattern = "(.+)".join(map(re.escape, auth.template.split("{key}")))
        found = re.fullmatch(pattern, given)
        key = found[1] if found else ""
    else:
        key = _decoded(given)[1]
    return seed_of(key) if key and re.fullmatch(auth.pattern, key) and not _barred(key) else None


def _basic(auth: BasicAuth, given: str) -> str | None:
    username, password = _decoded(given)
    if auth.username not in (None, username) or auth.password not in (None, password):
        return None
    asked = password if auth.password is None else username
    if not re.fullmatch(auth.pattern, asked) or _barred(username + password):
        return None
    return seed_of(asked if auth.username is not None else username)


def _barred(credential: str) -> bool:
    return "wrong" in credential or "revoked" in credential


def _decoded(given: str) -> tuple[str, str]:
    scheme, _, encoded = given.partition(" ")
    try:
        text = base64.b64decode(encoded, validate=True).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    username, _, password = text.partition(":")
    return username, password
