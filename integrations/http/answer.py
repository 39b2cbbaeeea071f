"""A vendor's answer, and what a refusal means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from integrations.provider import AuthExpired, Permanent, ProviderError, RateLimited, Temporary

from .caller import Caller
from .decode import Unreadable, decode
from .redaction import redact, shorten
from .retry import SAFE, retry_after
from .transport import AGAIN_LATER

_UNNAMED_PAUSE = 60.0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`headers` have lower-case names; `body` is unpacked; `url` is the vendor's address, without the lab's."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    url: str


def is_a_web_page(answer: Answer) -> bool:
    return answer.headers.get("content-type", "").lower().startswith("text/html") and bool(answer.body)


def refusal(answer: Answer, caller: Caller, method: str, secrets: tuple[str, ...] = ()) -> ProviderError:
    """What an answer that is not a success means, in a sentence with the vendor's own reason and the remedy."""
    status, name = answer.status, caller.provider.name
    reason = vendors_reason(answer, caller, secrets)
    said = f" {name} said: “{reason}”" if reason else ""
    if status == 401:
        return AuthExpired(caller.sentence("no longer accepts this sign-in", f"Reconnect it.{said}"))
    if status == 403:
        return Permanent(
            caller.sentence(
                "does not allow this: a permission or scope is missing", f"Grant it at {name}, then reconnect.{said}"
            ),
            status=status,
        )
    if status == 429:
        pause = retry_after(answer.headers)
        return RateLimited(
            caller.sentence("was asked too often", f"It goes on by itself.{said}"),
            retry_after=_UNNAMED_PAUSE if pause is None else pause,
        )
    if status in {408, 425} or status >= 500:
        unknown = method not in SAFE
        remedy = "Whether it took effect is not known; look there before repeating it." if unknown else AGAIN_LATER
        return Temporary(caller.sentence(f"has a fault of its own ({status})", remedy + said), outcome_unknown=unknown)
    happened = {
        404: "does not know what was asked for (404)",
        409: "says this contradicts what it already holds (409)",
        410: "says this is gone for good (410)",
    }.get(status, f"refused the request ({status})")
    return Permanent(caller.sentence(happened, f"Repeating it will not help.{said}"), status=status)


def vendors_reason(answer: Answer, caller: Caller, secrets: tuple[str, ...] = ()) -> str:
    """The vendor's error sentence from where its provider says it stands, shortened and without secrets."""
    if is_a_web_page(answer):
        return ""
    try:
        decoded = decode(answer.body)
    except Temporary:
        return ""
    for path in caller.provider.error:
        value = decoded
        for name in path.split("."):
            if isinstance(value, list) and name.isdigit() and int(name) < len(value):
                value = value[int(name)]
            elif isinstance(value, Mapping):
                value = value.get(name)
            else:
                value = None
        if value and isinstance(value, (str, int)) and not isinstance(value, Unreadable):
            return shorten(redact(str(value), *secrets))
    return ""
