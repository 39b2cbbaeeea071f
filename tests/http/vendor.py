"""A vendor on this machine: a real HTTP server that can be told to misbehave, and a strict identity provider.

It is asked as the lab is: `/HOST/PATH`. What was asked is kept in `requests`.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cheroot import wsgi

Body = bytes | Iterable[bytes]


@dataclass
class Reply:
    status: int = 200
    body: Body = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Seen:
    method: str
    host: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}


def as_json(value: Any, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json", **named})


def page(status: int = 200) -> Reply:
    return Reply(
        status, b"<html><body>Down for maintenance</body></html>", {"Content-Type": "text/html; charset=utf-8"}
    )


def half(body: bytes = b'{"name": "An', whole: int = 1000) -> Callable[[Seen], Reply]:
    def pieces() -> Iterator[bytes]:
        yield body
        raise ConnectionAbortedError

    return lambda seen: Reply(200, pieces(), {"Content-Type": "application/json", "Content-Length": str(whole)})


def dripping(every: float, times: int) -> Reply:
    def pieces() -> Iterator[bytes]:
        for _ in range(times):
            yield b" "
            time.sleep(every)
        yield b"{}"

    return Reply(200, pieces(), {"Content-Type": "application/json"})


def late(seconds: float, then: Reply | None = None) -> Callable[[Seen], Reply]:
    def answer(seen: Seen) -> Reply:
        time.sleep(seconds)
        return then or Reply()

    return answer


def packed(body: bytes) -> Reply:
    return Reply(200, gzip.compress(body), {"Content-Type": "application/json", "Content-Encoding": "gzip"})


class Vendor:
    """`on(path, *replies)`: the answers in turn, the last for ever. A reply may be a function of what was asked."""

    def __init__(self) -> None:
        self.url = ""
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        self.requests: list[Seen] = []
        self._plans: dict[str, list[Any]] = {}
        self.idp = IdentityProvider()

    def on(self, path: str, *replies: Any) -> None:
        self._plans[path] = list(replies)

    def count(self, path: str) -> int:
        return sum(seen.path == path for seen in self.requests)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seen = _seen(environ)
        with self._lock:
            self.requests.append(seen)
            plan = self._plans.get(seen.path)
            reply = plan.pop(0) if plan and len(plan) > 1 else plan[0] if plan else self.idp.answers.get(seen.path)
        if reply is None:
            reply = as_json({"message": "no such path"}, 404)
        answer: Reply = reply(seen) if callable(reply) else reply
        body = [answer.body] if isinstance(answer.body, bytes) else answer.body
        headers = dict(answer.headers)
        if isinstance(answer.body, bytes):
            headers.setdefault("Content-Length", str(len(answer.body)))
        start_response(f"{answer.status} Reason", list(headers.items()))
        return body


class IdentityProvider:
    """OAuth 2: single-use codes with PKCE, single-use rotating refresh tokens. Replaying a used one is `invalid_grant`."""

    def __init__(self) -> None:
        self.lifetime = 1800
        self.granted: str | None = None  # None: what was asked for
        self.refreshes = 0
        self.lose_answers = 0  # rotate, and break the answer off
        self.forgives = False  # takes the refresh token before the newest once more, as Xero does for 30 minutes
        self.slowness = 0.0
        self.revoked: list[str] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.refresh_token = ""
        self.previous = ""
        self.serial = 0
        self.lock = threading.Lock()
        self.answers: dict[str, Any] = {"/token": self.token, "/revoke": self.revoke}

    def approve(self, address: str) -> dict[str, str]:
        """What the browser brings back after the person approved at `address`."""
        asked = {name: values[-1] for name, values in parse_qs(urlsplit(address).query).items()}
        self.serial += 1
        code = f"code-{self.serial}-canary"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def token(self, seen: Seen) -> Reply:
        with self.lock:
            if self.slowness:
                time.sleep(self.slowness)
            kind = seen.form.get("grant_type")
            if kind == "authorization_code":
                return self._exchange(seen)
            if kind == "client_credentials":
                return self._tokens(rotate=False)
            return self._refresh(seen)

    def revoke(self, seen: Seen) -> Reply:
        self.revoked.append(seen.form["token"])
        return Reply(200, b"")

    def _exchange(self, seen: Seen) -> Reply:
        asked = self.codes.pop(seen.form.get("code", ""), None)
        if asked is None:
            return _refused("The code was used already")
        verifier = seen.form.get("code_verifier", "")
        if "code_challenge" in asked:
            digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
            if digest != asked["code_challenge"]:
                return _refused("The verifier does not match")
        if seen.form.get("redirect_uri") != asked.get("redirect_uri"):
            return _refused("The redirect URI differs")
        return self._tokens(scope=asked.get("scope"))

    def _refresh(self, seen: Seen) -> Reply:
        given = seen.form.get("refresh_token", "")
        if given != self.refresh_token and not (self.forgives and given == self.previous):
            return _refused("The refresh token is not valid")
        self.refreshes += 1
        self.previous = given
        reply = self._tokens()
        if self.lose_answers:
            self.lose_answers -= 1
            return half(b'{"access_token": "')(seen)
        return reply

    def _tokens(self, scope: str | None = None, *, rotate: bool = True) -> Reply:
        self.serial += 1
        made: dict[str, Any] = {
            "access_token": f"access-{self.serial}-canary",
            "token_type": "Bearer",
            "expires_in": self.lifetime,
        }
        if rotate:
            made["refresh_token"] = self.refresh_token = f"refresh-{self.serial}-canary"
        if self.granted is not None or scope is not None:
            made["scope"] = self.granted if self.granted is not None else scope
        return as_json(made)


def _refused(reason: str) -> Reply:
    return as_json({"error": "invalid_grant", "error_description": reason}, 400)


def _seen(environ: dict[str, Any]) -> Seen:
    _, host, path = environ["PATH_INFO"].split("/", 2) if environ["PATH_INFO"].count("/") > 1 else ("", "", "")
    length = int(environ.get("CONTENT_LENGTH") or 0)
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    return Seen(
        method=environ["REQUEST_METHOD"],
        host=host,
        path="/" + path,
        query={name: values[-1] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()},
        headers=headers,
        body=environ["wsgi.input"].read(length) if length else b"",
    )


@contextlib.contextmanager
def serving(app: Any, ssl_adapter: Any = None) -> Iterator[int]:
    """The port the app answers at."""
    server = wsgi.Server(("127.0.0.1", 0), app, numthreads=20, shutdown_timeout=0.1)
    server.error_log = lambda *args, **kwargs: None
    server.ssl_adapter = ssl_adapter
    server.prepare()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server.bind_addr[1]
    finally:
        server.stop()
        thread.join(5)
