"""Posting to an address that a chapter has set: checked when it is saved, and again when each socket is opened.

`WEBHOOK_PRIVATE_HOSTS` names the exceptions, `host[:port]` each: systems inside the same network. They alone may be plain http.
No proxy of the environment, no redirect, one clock over a whole attempt, and no more than a kilobyte of the answer is kept.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import urllib3
from django.conf import settings
from requests.certs import where
from urllib3.connectionpool import HTTPConnectionPool

from . import guard, sockets
from .retry import retry_after
from .session import USER_AGENT
from .transport import REDIRECTS
from .watch import Watch

CONNECT_SECONDS = 5
TOTAL_SECONDS = 15
KEPT_BYTES = 1024
# So much of an answer is read so that the connection can be used again; of a longer one the connection is given up.
_READ_BYTES = 65_536
_USUAL_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one attempt went. `status` is None where no answer came; `error` says what is wrong, empty for a 2xx. `late`: there
    was none in all the time it had."""

    status: int | None
    milliseconds: int
    answer: str = field(default="", repr=False)
    error: str = ""
    late: bool = False
    retry_after: float | None = None

    @property
    def ok(self) -> bool:
        return not self.error


def check(url: str) -> None:
    """guard.Refused unless the address may be posted to. A name that cannot be found now is not refused: it may be soon."""
    if _is_listed(url):
        return
    guard.check_url(url)
    parts = urlsplit(url)
    try:
        guard.resolve((parts.hostname or "").rstrip("."), parts.port or 443)
    except OSError:
        return


class Receiver:
    """Keep-alive connections to one address, for several threads at once. Nothing here touches the database."""

    certificates = where()

    def __init__(self, url: str, *, connections: int) -> None:
        self._url = url
        self._listed = _is_listed(url)
        self._pool: HTTPConnectionPool | None = None
        try:
            parts = urlsplit(url)
            pools: Mapping[str, type[HTTPConnectionPool]] = sockets.LAB if self._listed else sockets.GUARDED
            tls = {"ca_certs": self.certificates} if parts.scheme == "https" else {}
            self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            self._pool = pools[parts.scheme](parts.hostname or "", port=parts.port, maxsize=connections, **tls)
        except (ValueError, KeyError):
            return  # what is no address is refused when it is posted to

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()

    def post(self, body: bytes, headers: Mapping[str, str]) -> Outcome:
        began = time.monotonic()
        try:
            with Watch(TOTAL_SECONDS) as watch:
                status, answer, asked_for = self._posted(body, headers)
            if watch.expired:
                raise TimeoutError  # the answer was cut off where it was
        except guard.Refused as refused:
            return Outcome(
                status=None, milliseconds=_since(began), error=f"The endpoint {refused}. We do not go there."
            )
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            late = watch.expired or isinstance(error, (urllib3.exceptions.ReadTimeoutError, TimeoutError))
            said = f"did not answer within {TOTAL_SECONDS} seconds" if late else _in_words(error)
            return Outcome(status=None, milliseconds=_since(began), error=f"The endpoint {said}.", late=late)
        return Outcome(
            status=status,
            milliseconds=_since(began),
            answer=answer,
            error=_refusal(status),
            retry_after=asked_for if status in (429, 503) else None,
        )

    def _posted(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, str, float | None]:
        if not self._listed:
            guard.check_url(self._url)
        if self._pool is None:
            raise guard.Refused("has an address that is none")
        response = self._pool.urlopen(
            "POST",
            self._path,
            body=body,
            headers={"Content-Type": "application/json", "User-Agent": USER_AGENT, **headers},
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=TOTAL_SECONDS),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            read = response.read(_READ_BYTES, decode_content=False)
            if len(read) == _READ_BYTES:
                response.close()
        finally:
            response.release_conn()
        return response.status, _shown(read[:KEPT_BYTES]), retry_after(response.headers)


def _is_listed(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if parts.scheme not in _USUAL_PORTS or not host or parts.username is not None or parts.password is not None:
        return False
    named = {host} if port in (None, _USUAL_PORTS[parts.scheme]) else set()
    named.add(f"{host}:{port or _USUAL_PORTS[parts.scheme]}")
    return not named.isdisjoint(settings.WEBHOOK_PRIVATE_HOSTS)


def _refusal(status: int) -> str:
    if 200 <= status < 300:
        return ""
    if status in REDIRECTS:
        return f"The endpoint answered {status}, sending us to another address. That is never followed."
    return f"The endpoint answered {status}."


def _in_words(error: Any) -> str:
    """Of our own: what the libraries say holds addresses and query strings."""
    if isinstance(error, urllib3.exceptions.SSLError):
        return "has a certificate that does not check out"
    if isinstance(error, (urllib3.exceptions.NewConnectionError, urllib3.exceptions.NameResolutionError)):
        return "could not be reached"
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError):
        return f"did not take the connection within {CONNECT_SECONDS} seconds"
    if isinstance(error, ValueError):
        return "has an address that cannot be asked for"
    return "broke off in the middle of its answer"


def _shown(read: bytes) -> str:
    return read.decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
