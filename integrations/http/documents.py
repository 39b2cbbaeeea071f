"""Public documents of vendors (certificates, key sets), fetched through the guard without a credential and kept for a while."""

from __future__ import annotations

import threading
import time
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from . import guard, sockets

MOST_BYTES = 200_000
TIMEOUT = (5.0, 10.0)
KEPT_SECONDS = 3600.0
MOST_KEPT = 100

_lock = threading.Lock()
_kept: dict[str, tuple[float, bytes]] = {}


class NotThere(Exception):
    """The document cannot be had at the moment; the sentence says why."""


class _Guarded(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = sockets.GUARDED


def fetch(url: str) -> bytes:
    """The document, an hour old at most. Raises NotThere."""
    with _lock:
        until, document = _kept.get(url, (0.0, b""))
    if until > time.monotonic():
        return document
    document = _fetched(url)
    with _lock:
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        _kept[url] = (time.monotonic() + KEPT_SECONDS, document)
    return document


def _fetched(url: str) -> bytes:
    try:
        guard.check_url(url)
        with requests.Session() as session:
            session.trust_env = False
            session.mount("https://", _Guarded(max_retries=1))
            answer = session.get(url, timeout=TIMEOUT, allow_redirects=False, stream=True)
            body = bytes(answer.raw.read(MOST_BYTES + 1, decode_content=True))
    except (guard.Refused, requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise NotThere(f"The vendor's key could not be fetched ({type(error).__name__}).") from None
    if answer.status_code != requests.codes.ok or len(body) > MOST_BYTES:
        raise NotThere(f"The vendor's key could not be fetched (it answered {answer.status_code}).")
    return body
