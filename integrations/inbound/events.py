"""What a delivery says, in the words of the provider's declaration."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

from integrations.http.decode import Unreadable, decode
from integrations.provider import Temporary, Webhook, dig

MOST_EVENTS = 10_000
MOST_FIELDS = 2_000


class NotReadable(Exception):
    """The delivery is none of the declared shape; the sentence says how."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """`key` as in InboundEvent. `resource` empty: nobody here acts on that topic. `account`: the remote account it is of."""

    key: str
    topic: str
    resource: str
    record: str
    account: str
    payload: str


def read(webhook: Webhook, body: bytes, headers: dict[str, str]) -> list[Event]:
    """Every event of a delivery. NotReadable where it is not what was declared."""
    document = _form(body) if webhook.body == "form" else _json(body)
    several = dig(document, webhook.events) if webhook.events else document
    if isinstance(several, dict):
        several = [several]
    if not isinstance(several, list):
        raise NotReadable(f"It has no list of events at '{webhook.events}'." if webhook.events else "It is no event.")
    if len(several) > MOST_EVENTS:
        raise NotReadable(f"It has {len(several):,} events; {MOST_EVENTS:,} at most are read.")
    told = {name: headers[name] for name in webhook.headers if name in headers}
    return [_event(webhook, one, told) for one in several]


def _event(webhook: Webhook, one: Any, told: dict[str, str]) -> Event:
    topic = _text(dig(one, webhook.topic), 100)
    named = _text(dig(one, webhook.event_id), 199) if webhook.event_id else ""
    payload = orjson.dumps(one, option=orjson.OPT_SORT_KEYS, default=_kept)
    digest = hashlib.blake2b(orjson.dumps(told, option=orjson.OPT_SORT_KEYS) + payload, digest_size=20).hexdigest()
    return Event(
        key=named.lstrip("#") or f"#{digest}",
        topic=topic,
        resource=webhook.topics.get(topic, ""),
        record=_text(dig(one, webhook.record), 200) if webhook.record else "",
        account=_text(dig(one, webhook.account), 200) if webhook.account else "",
        payload=payload.decode(),
    )


def _json(body: bytes) -> Any:
    if not body:
        return {}
    try:
        return decode(body)
    except Temporary:
        raise NotReadable("It is no JSON.") from None


def _form(body: bytes) -> dict[str, Any]:
    """`data[merges][EMAIL]=x` stands at `data.merges.EMAIL`; a name that comes twice counts as it came last."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError:
        raise NotReadable("It is no form.") from None
    found: dict[str, Any] = {}
    for name, value in pairs:
        place, last = found, ""
        for part in _parts(name):
            if last:
                inner = place.setdefault(last, {})
                place = inner if isinstance(inner, dict) else place
            last = part
        place[last] = value.replace("\x00", "")
    return found


def _parts(name: str) -> Iterator[str]:
    head, *inner = name.replace("\x00", "").replace("]", "").split("[")[:20]
    yield head or "_"
    yield from (part or "_" for part in inner)


def _text(value: Any, most: int) -> str:
    """A key or a name; empty for what can be neither."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    text = str(value)
    return text if len(text) <= most and "\x00" not in text else ""


def _kept(value: Any) -> Any:
    return {"unreadable": value.reason} if isinstance(value, Unreadable) else str(value)
