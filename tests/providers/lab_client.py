"""A vendor as a provider declares it, asked over real HTTP: signed in to the lab, read page by page. As plain as can be."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from requests.adapters import HTTPAdapter

from integrations.provider import (
    ApiKey,
    CursorPage,
    LinkHeader,
    NextUrl,
    OAuth2,
    Offset,
    PageNumber,
    Provider,
    Resource,
    SinglePage,
    dig,
)
from tests.providers.plainly import read_json

REDIRECT = "http://hub.localhost/oauth/callback"
CLIENT = ("chapterhouse", "client-secret")


class ToLab(HTTPAdapter):
    """`https://HOST/PATH` goes to `{lab}/HOST/PATH`; nothing else goes anywhere. Keeps what was sent."""

    def __init__(self, lab: str) -> None:
        super().__init__()
        self.lab, self.sent = lab, []

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        parts = urlsplit(request.url)
        assert parts.scheme == "https", request.url
        self.sent.append(request.copy())
        request.url = f"{self.lab}/{parts.netloc}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        return super().send(request, **{**kwargs, "timeout": 20, "verify": True, "proxies": {}})


class LabClient:
    """Implements `integrations.provider.Client`. `who` is whose account: a word of five letters or more."""

    def __init__(self, provider: Provider, lab: str, who: str = "sydney", *, kind: str | None = None) -> None:
        self.provider, self.who = provider, who
        self.auth = provider.auth_of(kind) if kind else provider.auths[0]
        self.session = requests.Session()
        self.session.trust_env = False
        self.to_lab = ToLab(lab)
        self.session.mount("https://", self.to_lab)
        self.values: dict[str, str] = {}
        self.tokens: dict[str, Any] = {}
        self._account = ""

    @property
    def base_url(self) -> str:
        return self.provider.base_url.format(**self.values)

    def secret(self) -> str:
        return self.tokens.get("access_token") or self.tokens["key"]

    # --- signing in ---------------------------------------------------------------------------------------------------------

    def sign_in(self) -> LabClient:
        if isinstance(self.auth, OAuth2):
            self.exchange(self.authorize())
            if self.auth.lookup:
                header = {"Authorization": f"{self.auth.lookup.scheme} {self.secret()}"}
                found = self.session.get(self.auth.lookup.url, headers=header)
                assert found.status_code == 200, found.text
                self.values = {name: str(dig(found.json(), path)) for name, path in self.auth.lookup.values.items()}
        elif isinstance(self.auth, ApiKey):
            self.tokens = {"key": key_like(self.auth.pattern, self.who)}
            self.values = self.auth.values(self.secret())
        else:
            raise NotImplementedError(f"a plain client for {self.auth.kind}")
        if self.provider.accounts and self.provider.accounts.header:
            self._account = self.accounts()[0]["id"]
        return self

    def authorize(self, **changed: str) -> dict[str, str]:
        """A person's visit to the vendor's page: what the browser brings back, and the verifier."""
        self.verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code", "client_id": CLIENT[0], "redirect_uri": REDIRECT, "state": "a-state", "auto": "1",
            "scope": self.auth.scope_separator.join(scope.name for scope in self.auth.scopes), "login": self.who,
            **self.auth.extra,
        }  # fmt: skip
        if self.auth.pkce:
            asked |= {"code_challenge": challenge, "code_challenge_method": "S256"}
        answer = self.session.get(self.auth.authorize, params={**asked, **changed}, allow_redirects=False)
        assert answer.status_code == 302, answer.text
        assert answer.headers["Location"].startswith(REDIRECT)
        return {name: found[0] for name, found in parse_qs(urlsplit(answer.headers["Location"]).query).items()}

    def exchange(self, brought: Mapping[str, str], **changed: str) -> requests.Response:
        form = {"grant_type": "authorization_code", "code": brought["code"], "redirect_uri": REDIRECT}
        if self.auth.pkce:
            form["code_verifier"] = self.verifier
        return self._token({**form, **changed})

    def refresh(self, token: str | None = None) -> requests.Response:
        return self._token({"grant_type": "refresh_token", "refresh_token": token or self.tokens["refresh_token"]})

    def _token(self, form: dict[str, str]) -> requests.Response:
        if self.auth.token_auth == "basic":
            answer = self.session.post(self.auth.token, data=form, auth=CLIENT)
        else:
            answer = self.session.post(
                self.auth.token, data={**form, "client_id": CLIENT[0], "client_secret": CLIENT[1]}
            )
        if answer.status_code == 200:
            self.tokens = answer.json()
        return answer

    # --- asking -------------------------------------------------------------------------------------------------------------

    def headers(self) -> dict[str, str]:
        made = dict(self.provider.headers)
        if isinstance(self.auth, ApiKey):
            made[self.auth.header] = self.auth.value(self.secret())
        elif self.tokens:
            made["Authorization"] = f"Bearer {self.secret()}"
        if self._account:
            made[self.provider.accounts.header] = self._account
        return made

    def ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **sent: Any
    ) -> requests.Response:
        address = path if "://" in path else self.base_url + path
        return self.session.request(method, address, headers={**self.headers(), **(headers or {})}, **sent)

    def request(self, method: str, path: str, **sent: Any) -> Any:
        form = sent.pop("form", None)
        return self.ask(method, path, data=form, **sent).json()

    def accounts(self) -> list[dict[str, str]]:
        declared = self.provider.accounts
        answer = self.ask("GET", declared.path)
        assert answer.status_code == 200, answer.text
        found = answer.json() if declared.records is None else dig(answer.json(), declared.records)
        records = found if isinstance(found, list) else [found]
        return [{"id": str(dig(record, declared.id)), "name": str(dig(record, declared.name))} for record in records]

    # --- reading ------------------------------------------------------------------------------------------------------------

    def read(self, resource: Resource, *, since: str | None = None, size: int | None = None) -> list[dict[str, Any]]:
        """Every record; of a resource within another, of every parent."""
        if size is not None:
            resource = replace(resource, pages=replace(resource.pages, size=size))
        if resource.within is None:
            return [record for page in self.pages(resource, since, None) for record in page]
        above = self.provider.resource(resource.within.resource)
        parents = [str(dig(record, above.key)) for record in self.read(above)]
        return [record for parent in parents for page in self.pages(resource, since, parent) for record in page]

    def pages(self, resource: Resource, since: str | None, parent: str | None) -> Iterator[list[dict[str, Any]]]:
        pages, cursor = resource.pages, resource.cursor
        params, headers = dict(resource.params), {}
        if since and cursor:
            (headers if cursor.header else params)[cursor.header or cursor.param] = since
        if not isinstance(pages, SinglePage) and pages.size_param:
            params[pages.size_param] = str(pages.size)
        path, count = resource.path.replace("{parent}", parent or ""), 0
        for number in range(10_000):
            if isinstance(pages, PageNumber):
                params[pages.param] = str(pages.start + number)
            if isinstance(pages, Offset):
                params[pages.param] = str(count)
            answer = self.ask("GET", path, params=params, headers=headers)
            assert answer.status_code == 200, f"{answer.status_code} {answer.text[:300]}"
            document = read_json(answer.content)
            records = dig(document, resource.records)
            assert isinstance(records, list), f"no list at {resource.records!r}"
            count += len(records)
            yield records
            match pages:
                case SinglePage():
                    return
                case PageNumber(size=size):
                    more = len(records) >= size
                case Offset(total=total, size=size):
                    more = count < dig(document, total) if total else len(records) >= size
                case CursorPage(more=flag, token=token, last=last):
                    following = dig(document, token) if token else dig(records[-1], last) if records else None
                    more = bool(dig(document, flag)) if flag else following is not None
                    params[pages.param] = str(following)
                case NextUrl() | LinkHeader():
                    path = (
                        dig(document, pages.path)
                        if isinstance(pages, NextUrl)
                        else answer.links.get("next", {}).get("url")
                    )
                    more, params = bool(path), {}
            if not more:
                return
        raise AssertionError("paging never ended")


def key_like(pattern: str, word: str) -> str:
    """A key of the declared shape, with the word in its longest free part."""
    return _filled(re._parser.parse(pattern), word)  # type: ignore[attr-defined]


def _filled(parsed: Any, word: str) -> str:
    made = ""
    for operation, value in parsed:
        name = str(operation).lower()
        if name == "literal":
            made += chr(value)
        elif name in ("in", "not_literal", "any", "category"):
            made += "0" if "digit" in str(value).lower() or (48, 57) in [v for _, v in value] else "a"
        elif name == "branch":
            made += _filled(value[1][0], word)
        elif name == "subpattern":
            made += _filled(value[-1], word)
        elif name.endswith("repeat"):
            least, most, inner = value
            length = max(least, min(most, len(word))) if most > len(word) else least
            made += (
                word.ljust(length, "0")[:length]
                if length >= len(word)
                else "".join(_filled(inner, word) for _ in range(length))
            )
    return made
