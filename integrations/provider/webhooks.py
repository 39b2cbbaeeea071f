"""What a vendor delivers to us."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from .challenges import Challenge
from .public_keys import FetchesKey
from .signatures import Verifier


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """`topics` are the vendor's event names we act on -> the resource each is about; `app_level`: one address for all
    chapters, the remote account is found at `account` in each of `events` (dotted paths). Within an event, `topic` is the
    path of its name, `record` of the changed record's key (None: read the resource since last time), `event_id` of what it
    is known by when delivered twice. `body`: json or form (`data[id]` is the path `data.id`). `deletes`: the topics that say
    the record is gone. `headers`: those that are kept with a delivery, because they are signed and verified later, or tell
    one delivery from another that says the same. `challenge`: how the vendor makes sure of the address."""

    verify: Verifier | FetchesKey
    topics: Mapping[str, str]
    events: str = ""
    topic: str = "type"
    record: str | None = None
    account: str | None = None
    event_id: str | None = None
    body: str = "json"
    deletes: Collection[str] = ()
    headers: tuple[str, ...] = ()
    app_level: bool = False
    challenge: Challenge | None = None
