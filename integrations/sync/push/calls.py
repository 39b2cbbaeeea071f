"""Requests made of the outbox's bodies, and what the vendor's answers mean for each record in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from integrations.http import Door
from integrations.mapping.paths import getter
from integrations.provider import Permanent, Temporary
from integrations.provider.paths import plant
from integrations.sync.batch import Route
from integrations.sync.words import Words

from . import sides
from .models import OutboundWrite

Record = dict[str, Any]
CREATE = OutboundWrite.Op.CREATE
GONE = (404, 410)


class Taken(NamedTuple):
    """The vendor did it. `record` is what it answered with, None where it said nothing about it."""

    record: Record | None


class Turned(NamedTuple):
    """The vendor did not take this one record, for that reason."""

    reason: str


Outcome = Taken | Turned


def many(route: Route, op: str) -> bool:
    """Whether records of that operation travel together."""
    write = sides.writing(route)
    return write.batch > 1 and bool(write.create if op == CREATE else write.update_all)


def addressed(route: Route, write: OutboundWrite, body: Record) -> Record:
    """The body with the record's key in it, where no address says whose it is."""
    if write.op != CREATE and many(route, write.op):
        plant(body, route.resource.key, own_key(route, write.external_id))
    return body


def send(door: Door, route: Route, writes: Sequence[OutboundWrite], words: Words) -> list[Outcome]:
    """Send these together and say what came of each. Raises ProviderErrors: then nothing is known of any."""
    write, op = sides.writing(route), writes[0].op
    declared = (write.create if op == CREATE else write.update_all if many(route, op) else write.update) or ""
    method, path = declared.split(" ", 1)
    bodies = [json.loads(one.body) for one in writes]
    whole: Any = bodies if write.list_wrap else bodies[0]
    payload = {write.wrap: whole} if write.wrap else whole
    answer = door.fetch(
        method,
        filled(path, route, writes[0].external_id),
        params=dict(write.batch_params) if many(route, op) else None,
        headers={write.idempotency: writes[0].call} if write.idempotency else None,
        **({"form": payload} if write.body == "form" else {"json": payload}),
    )
    answered = door.decoded(answer, exact=route.mapping.exact) if answer.body else None
    return _outcomes(route, writes, answered, words)


def one(door: Door, route: Route, external_id: str) -> Record | None:
    """The record as it is there now; None where it is gone. Raises ProviderErrors."""
    resource = route.resource
    address = filled(f"{resource.path}/{{key}}", route, external_id)
    try:
        answer = door.fetch("GET", address)
    except Permanent as refused:
        if refused.status in GONE:
            return None
        raise
    found = getter(resource.one or "")(door.decoded(answer, exact=route.mapping.exact))
    if not isinstance(found, dict):
        return None
    if sides.writing(route).gone and getter(sides.writing(route).gone)(found):
        return None
    return _at_home(route, found, external_id)


def look_for(door: Door, route: Route, write: OutboundWrite) -> list[Record] | None:
    """Records there that equal what was to be created; None where nothing can be looked for. Raises ProviderErrors."""
    find, body = sides.writing(route).find, json.loads(write.body)
    if find is None:
        return None
    asked = {name: _filled_from(body, template) for name, template in find.params.items()}
    wanted = {path: value for path in find.equal if (value := getter(path)(body)) not in (None, "")}
    if not wanted or not all(asked.values()):
        return None
    answer = door.fetch("GET", route.resource.path, params={**route.resource.params, **asked})
    listed = getter(route.resource.records)(door.decoded(answer, exact=route.mapping.exact))
    found = listed if isinstance(listed, list) else []
    return [record for record in found if all(_same(getter(path)(record), value) for path, value in wanted.items())]


def own_key(route: Route, external_id: str) -> str:
    """The key without its parent's."""
    return external_id.partition("/")[2] if route.resource.within else external_id


def filled(path: str, route: Route, external_id: str) -> str:
    parent = external_id.partition("/")[0] if route.resource.within else ""
    return path.replace("{parent}", quote(parent, safe="")).replace(
        "{key}", quote(own_key(route, external_id), safe="")
    )


# --- answers ----------------------------------------------------------------------------------------------------------


def _outcomes(route: Route, writes: Sequence[OutboundWrite], answered: Any, words: Words) -> list[Outcome]:
    elements = _elements(route, answered)
    if len(writes) == 1 and len(elements) <= 1:
        return [_outcome(route, writes[0], elements[0] if elements else None, words)]
    if len(elements) != len(writes):
        raise Temporary(
            words.vendor(f"was sent {len(writes)} records and answered with {len(elements)}", "They are looked for."),
            outcome_unknown=True,
        )
    pairs = zip(writes, _ordered(route, writes, elements), strict=True)
    return [_outcome(route, write, element, words) for write, element in pairs]


def _elements(route: Route, answered: Any) -> list[Any]:
    write = sides.writing(route)
    places: list[Callable[[Any], Any]] = [getter(write.wrap)] if write.wrap else []
    for place in [*places, getter(route.resource.records)]:
        found = place(answered)
        if isinstance(found, list):
            return found
        if isinstance(found, dict):
            return [found]
    return [answered] if isinstance(answered, dict) else []


def _ordered(route: Route, writes: Sequence[OutboundWrite], elements: list[Any]) -> list[Any]:
    """In the order sent: by their keys where all of them have one, else as they stand."""
    keys = [own_key(route, write.external_id) for write in writes]
    by_key = {str(getter(route.resource.key)(element)): element for element in elements}
    return [by_key[key] for key in keys] if all(key and key in by_key for key in keys) else elements


def _outcome(route: Route, write: OutboundWrite, element: Any, words: Words) -> Outcome:
    refused = sides.writing(route).refused
    reason = getter(refused)(element) if refused else None
    if reason:
        return Turned(f"{words.provider} said: “{str(reason)[:500]}”")
    named = isinstance(element, dict) and getter(route.resource.key)(element) not in (None, "")
    if write.op == CREATE and not named:
        raise Temporary(
            words.vendor("took a record and did not say which it is", "It is looked for."), outcome_unknown=True
        )
    return Taken(_at_home(route, element, write.external_id) if named else None)


def _at_home(route: Route, record: Record, external_id: str) -> Record:
    """A record out of a parent's list says whose it is, as it does when the list is read."""
    if route.resource.within:
        plant(record, route.resource.within.into, external_id.partition("/")[0])
    return record


def _filled_from(body: Mapping[str, Any], template: str) -> str:
    """`{Name}` -> what was sent there; an empty text where nothing was."""
    before, _, rest = template.partition("{")
    path, _, after = rest.partition("}")
    value = getter(path)(dict(body)) if path else ""
    return "" if path and value in (None, "") else f"{before}{value}{after}"


def _same(theirs: Any, sent: Any) -> bool:
    return theirs == sent or (isinstance(theirs, str) and isinstance(sent, str) and theirs.strip() == sent.strip())
