"""The transport under every Session of the house, a vendor SDK's and an OAuth session's too.

What stands here holds for every byte: checked addresses, no redirect and no proxy, timeouts, a size, the shared limit, the
breaker, and repeats only where repeating is harmless. What a caller passes for timeout, certificate check or proxy is not
listened to.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import requests
import urllib3
from django.conf import settings
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from integrations.provider import Permanent, RateLimited, Temporary

from . import breaker, guard, halt, limits, slots, sockets
from .budget import Budget
from .caller import Caller
from .retry import AGAIN, SAFE, Patience, is_safe, retry_after
from .watch import Watch

REDIRECTS = frozenset([301, 302, 303, 307, 308])
AGAIN_LATER = "It is tried again by itself."
_CHUNK = 65_536


class NoAnswer(Exception):
    """No usable answer came. `sent`: the request may have reached the vendor. `again`: another attempt may go better."""

    def __init__(self, happened: str, *, sent: bool, again: bool = True) -> None:
        super().__init__(happened)
        self.happened = happened
        self.sent = sent
        self.again = again


class Transport(HTTPAdapter):
    """`probe`: somebody asks on purpose whether the vendor answers, so an open breaker does not stop it."""

    certificates: bool | str = True  # the installed authorities

    def __init__(self, caller: Caller, budget: Budget, *, probe: bool = False) -> None:
        self.caller = caller
        self.budget = budget
        self.probe = probe
        self._windows = limits.windows(caller)
        self._lab = caller.environment == "lab"
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = sockets.LAB if self._lab else sockets.GUARDED

    def send(  # noqa: PLR0917 the signature is requests'
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> Response:
        """The vendor's answer, whole, whatever its status. Raises Temporary, RateLimited or Permanent where there is none."""
        self._check(request)
        patience = Patience.of(self.budget)
        safe = is_safe(request, self.caller.provider)
        while True:
            trying = self._admit(patience)
            try:
                response = self._in_a_slot(request, patience)
            except NoAnswer as problem:
                if problem.again:
                    breaker.failed(self.caller.connection_id, probe=trying.probe)
                if safe and problem.again and patience.before_next(None):
                    continue
                raise self._temporary(problem, request) from None
            asked_for = self._note(response, trying)
            if safe and response.status_code in AGAIN and patience.before_next(asked_for):
                continue
            return response

    # --- before -------------------------------------------------------------------------------------------------------

    def _check(self, request: PreparedRequest) -> None:
        try:
            guard.check_url(request.url or "")
        except guard.Refused as refused:
            raise self._refused(refused) from None
        if self._lab and not settings.LAB_URL:
            raise Permanent(
                self.caller.sentence(
                    "has sample data only where a lab runs", "Set LAB_URL, or connect the real account."
                )
            )

    def _admit(self, patience: Patience) -> _Trying:
        """Waits for the account's turn. RateLimited when that is too long, Temporary while the breaker is open."""
        turn = limits.take(self.caller, self._windows, force=self.probe, keeps_reserve=self.budget.keeps_reserve)
        if turn.open_for > 0 and not self.probe:
            raise self._resting(turn)
        if not patience.sleep(turn.wait):
            limits.give_back(self._windows)
            raise RateLimited(
                self.caller.sentence(
                    "allows only so many requests, and this account has used them up",
                    f"It goes on by itself in about {_span(turn.wait)}.",
                ),
                retry_after=turn.wait,
            )
        if self.probe or turn.failures < breaker.THRESHOLD:
            return _Trying(failures=turn.failures, probe=self.probe)
        if not breaker.claim_probe(self.caller.connection_id):
            raise self._resting(turn)
        return _Trying(failures=turn.failures, probe=True)

    # --- one attempt --------------------------------------------------------------------------------------------------

    def _in_a_slot(self, request: PreparedRequest, patience: Patience) -> Response:
        try:
            with slots.hold(self.caller, patience.waiting):
                return self._attempt(request)
        except slots.NoSlot:
            raise RateLimited(
                self.caller.sentence("allows only so many requests at once, and all are under way", AGAIN_LATER),
                retry_after=1,
            ) from None

    def _attempt(self, request: PreparedRequest) -> Response:
        with Watch(self.budget.total) as watch:
            halt.check()
            try:
                response = super().send(
                    self._addressed(request),
                    stream=True,
                    timeout=(self.budget.connect, self.budget.read),
                    verify=self.certificates,
                )
                body = self._read(response)
            except guard.Refused as refused:
                raise self._refused(refused) from None
            except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL):
                raise Permanent(
                    self.caller.sentence(
                        "cannot be sent a request made of these characters", "Check what was typed in."
                    )
                ) from None
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                halt.check()
                if watch.expired:
                    raise NoAnswer(f"took longer than {_span(self.budget.total)}", sent=True) from None
                raise _no_answer(error, self.budget) from None
            halt.check()
            if watch.expired:
                raise NoAnswer(f"took longer than {_span(self.budget.total)}", sent=True)
        if response.status_code in REDIRECTS:
            raise Permanent(
                self.caller.sentence(
                    "answered by sending us to another address", "That is never followed; check the set-up."
                ),
                status=response.status_code,
            )
        response._content, response._content_consumed = body, True  # type: ignore[attr-defined]
        response.raw = io.BytesIO(body)
        response.url, response.request = request.url or "", request
        return response

    def _addressed(self, request: PreparedRequest) -> PreparedRequest:
        """For the lab, `https://HOST/PATH` becomes `{LAB_URL}/HOST/PATH`: from there nothing else can be reached."""
        sent = request.copy()
        sent.headers["Accept-Encoding"] = "gzip, deflate"
        if self._lab:
            sent.url = settings.LAB_URL.rstrip("/") + "/" + (request.url or "").removeprefix("https://")
        return sent

    def _read(self, response: Response) -> bytes:
        """The whole body, unpacked piece by piece so that a small one cannot grow into a large one unseen."""
        pieces, size = [], 0
        for piece in response.raw.stream(_CHUNK, decode_content=True):
            pieces.append(piece)
            size += len(piece)
            if size > self.budget.size:
                response.raw.close()
                raise NoAnswer(
                    f"answered with more than {self.budget.size // 1_000_000 or 1} MB", sent=True, again=False
                )
        return b"".join(pieces)

    # --- after --------------------------------------------------------------------------------------------------------

    def _note(self, response: Response, trying: _Trying) -> float | None:
        """Tells the other workers how it went; the seconds the vendor asked us to wait, if it did."""
        if response.status_code >= 500 or _is_a_web_page(response):
            breaker.failed(self.caller.connection_id, probe=trying.probe)
        elif trying.failures:
            breaker.succeeded(self.caller.connection_id)
        asked_for = retry_after(response.headers)
        if response.status_code == 429 or (response.status_code == 503 and asked_for is not None):
            limits.block(self._windows, 1.0 if asked_for is None else asked_for)
        return asked_for

    def _refused(self, refused: guard.Refused) -> Permanent:
        return Permanent(self.caller.sentence(str(refused), "We do not go there; check the connection's address."))

    def _temporary(self, problem: NoAnswer, request: PreparedRequest) -> Temporary:
        unknown = problem.sent and request.method not in SAFE
        remedy = "Whether it took effect is not known; look there before repeating it." if unknown else AGAIN_LATER
        return Temporary(self.caller.sentence(problem.happened, remedy), outcome_unknown=unknown)

    def _resting(self, turn: limits.Turn) -> Temporary:
        pause = _span(turn.open_for or breaker.FIRST_PAUSE)
        return Temporary(
            self.caller.sentence(
                f"failed {turn.failures} times in a row and is left alone for a while",
                f"It is asked again in about {pause}.",
            )
        )


class _Trying:
    """What was known when a request was let out: failures before it, and whether it is the one that tries after a pause."""

    def __init__(self, *, failures: int, probe: bool) -> None:
        self.failures = failures
        self.probe = probe


def _is_a_web_page(response: Response) -> bool:
    kind = response.headers.get("Content-Type", "")
    return response.ok and kind.lower().startswith("text/html") and bool(response.content)


def _no_answer(error: Exception, budget: Budget) -> NoAnswer:
    """In words of our own: what the libraries say holds addresses and query strings."""
    if isinstance(error, (requests.exceptions.SSLError, urllib3.exceptions.SSLError)):
        return NoAnswer("has a certificate that does not check out", sent=False)
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return NoAnswer(f"did not take the connection within {_span(budget.connect)}", sent=False)
    if isinstance(error, (requests.exceptions.ReadTimeout, urllib3.exceptions.ReadTimeoutError, TimeoutError)):
        return NoAnswer(f"did not answer within {_span(budget.read)}", sent=True)
    if isinstance(error, urllib3.exceptions.DecodeError):
        return NoAnswer("packed its answer in a way that cannot be unpacked", sent=True)
    if _never_sent(error):
        return NoAnswer("could not be reached", sent=False)
    return NoAnswer("broke off in the middle of its answer", sent=True)


def _never_sent(error: Exception) -> bool:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, (urllib3.exceptions.NewConnectionError, urllib3.exceptions.NameResolutionError))


def _span(seconds: float) -> str:
    if seconds < 90:
        whole = max(1, round(seconds))
        return f"{whole} second{'s' if whole != 1 else ''}"
    if seconds < 5400:
        return f"{round(seconds / 60)} minutes"
    return f"{round(seconds / 3600)} hours"
