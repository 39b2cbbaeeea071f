"""Synced records as partners see them, and records made at the vendor from here.

A record is shown as `{"id", "external_id", "resource", "target", "schema", "state", "first_seen", "last_changed", "version",
"data", "links"}`: `data` is our row in canonical form (as both sides last agreed, where somebody deleted our row), `links` are
its other names: `[{"connection", "provider", "resource", "external_id", "state"}]`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.db import connection as database
from django.db import transaction
from django.utils import timezone
from pydantic_core import to_jsonable_python

from integrations import http, registry, targets
from integrations.changes import origins
from integrations.connections.models import Connection
from integrations.ids import id_of
from integrations.mapping.compile import UNREADABLE, Reason
from integrations.mapping.paths import getter
from integrations.provider import BadRecord, Resource, Temporary, Unsupported, Write
from integrations.targets import Target

from . import positions, refs
from .apply import apply
from .batch import Route
from .intake import validated
from .models import QuarantinedRecord, RecordLink
from .rebuild import Stored, canonical_of, stored
from .words import Words

LARGEST_PAGE = 1_000


class InvalidRecord(BadRecord):
    """What was given is no canonical record. `reasons`: field and sentence."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        self.reasons = list(reasons)
        sentences = "; ".join(map(str, self.reasons))
        super().__init__(f"The record is not valid. {sentences}", field=self.reasons[0].field if self.reasons else "")


def list_records(
    connection: Connection, resource: str, cursor: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Synced records of a resource in the order they were linked, and the cursor of the next page (None after the last).

    A cursor that is none begins anew. KeyError for an unknown resource.
    """
    declared = registry.get(connection.provider).resource(resource)
    links = RecordLink.objects.filter(connection=connection, resource=declared.name).order_by("pk")
    if cursor and (after := id_of(cursor)):
        links = links.filter(pk__gt=after)
    limit = max(1, min(limit, LARGEST_PAGE))
    found = list(links[: limit + 1])
    following = str(found[limit - 1].pk) if len(found) > limit else None
    return _shown(found[:limit]), following


def get_record(connection: Connection, resource: str, record_id: UUID) -> dict[str, Any] | None:
    """The record of ours with that id, as this resource knows it; None when it does not."""
    links = RecordLink.objects.filter(connection=connection, resource=resource, record_id=record_id)
    return next(iter(_shown(list(links.order_by("pk")[:1]))), None)


def create_record(
    connection: Connection, resource: str, canonical: Mapping[str, Any], idempotency_key: str
) -> dict[str, Any]:
    """Create a record at the vendor, link and store it; returns it as it is shown.

    `canonical` is a canonical record whose references are our ids. Raises InvalidRecord for one that is not valid,
    Unsupported where the vendor takes none, and the door's ProviderErrors. `idempotency_key` reaches the vendor where it
    knows such a thing.
    """
    provider = registry.get(connection.provider)
    declared = provider.resource(resource)
    words = Words.of(connection, provider, declared)
    write = declared.write
    if write is None or write.create is None:
        raise Unsupported(words.vendor("takes no new records of this kind from us"))
    route = Route.of(connection, declared)
    outward = _outward(route, _their_keys(route, _checked(route.target, canonical), words))
    method, path = write.create.split(" ", 1)
    parent = _parent(declared, outward, words) if "{parent}" in path else ""
    with http.open_door(connection, resource=declared.name) as door:
        answer = door.fetch(
            method,
            path.replace("{parent}", quote(parent, safe="")),
            headers={write.idempotency: idempotency_key} if write.idempotency and idempotency_key else {},
            **_body(write, outward),
        )
        try:
            answered = door.decoded(answer, exact=route.mapping.exact)
        except Temporary:
            answered = None
    made = _made(declared, answered, words)
    if declared.within:
        made[declared.within.into] = parent
    return _stored(route, made, words)


# --- showing ----------------------------------------------------------------------------------------------------------


def _shown(links: Sequence[RecordLink]) -> list[dict[str, Any]]:
    if not links:
        return []
    target = targets.get(links[0].target)
    ids = [link.record_id for link in links]
    ours, names = stored(target, ids), _names(target, ids)
    return [
        {
            "id": link.record_id,
            "external_id": link.external_id,
            "resource": link.resource,
            "target": link.target,
            "schema": target.canonical.URN,
            "state": link.state,
            "first_seen": link.first_seen,
            "last_changed": link.last_changed,
            "version": ours[link.record_id].row["version"] if link.record_id in ours else 0,
            "data": _data(target, link, ours.get(link.record_id)),
            "links": names.get(link.record_id, []),
        }
        for link in links
    ]


def _data(target: Target, link: RecordLink, ours: Stored | None) -> dict[str, Any]:
    return dict(link.base) if ours is None else to_jsonable_python(canonical_of(target, *ours))


def _names(target: Target, ids: Sequence[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    found: dict[UUID, list[dict[str, Any]]] = {}
    links = RecordLink.objects.filter(target=target.name, record_id__in=ids).order_by("pk").select_related("connection")
    for link in links.defer("base", "refs"):
        found.setdefault(link.record_id, []).append(
            {
                "connection": link.connection_id,
                "provider": link.connection.provider,
                "resource": link.resource,
                "external_id": link.external_id,
                "state": link.state,
            }
        )
    return found


# --- creating ---------------------------------------------------------------------------------------------------------


def _checked(target: Target, canonical: Mapping[str, Any]) -> dict[str, Any]:
    record, reasons = validated(target, dict(canonical))
    if record is None:
        raise InvalidRecord(reasons)
    return record.model_dump(mode="json", exclude_none=True)


def _their_keys(route: Route, data: dict[str, Any], words: Words) -> dict[str, Any]:
    """References by our ids -> by their keys; one they do not know is refused before anything is sent."""
    for name, resource in route.mapping.refs.items():
        if name not in data:
            continue
        with database.cursor() as cursor:
            keys = refs.keys_of(cursor, route, [UUID(str(data[name]))], resource)
        if not keys:
            raise InvalidRecord(
                [Reason(name, f"{words.provider} does not know this record: sync or create it there first")]
            )
        (data[name],) = keys.values()
    return data


def _outward(route: Route, data: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return route.mapping.outward(data)
    except UNREADABLE as error:
        raise InvalidRecord([Reason("", f"it cannot be put in the vendor's words ({error})")]) from error


def _parent(resource: Resource, outward: Mapping[str, Any], words: Words) -> str:
    parent = getter(resource.within.into)(outward) if resource.within else None
    if not isinstance(parent, str) or not parent:
        raise Unsupported(words.vendor("needs to know where the record belongs, which it does not say"))
    return parent


def _body(write: Write, record: dict[str, Any]) -> dict[str, Any]:
    body: Any = record
    if write.wrap:
        body = {write.wrap: [record] if write.list_wrap else record}
    return {"form": body} if write.body == "form" else {"json": body}


def _made(resource: Resource, answer: Any, words: Words) -> dict[str, Any]:
    """The record in a vendor's answer to a creation: the first of its list, what it is wrapped in, or the answer itself."""
    listed = getter(resource.records)(answer) if resource.records else answer
    if isinstance(listed, list) and listed:
        found = listed[0]
    elif isinstance(answer, dict) and resource.write and resource.write.wrap in answer:
        found = answer[resource.write.wrap]
        found = found[0] if isinstance(found, list) and found else found
    else:
        found = answer
    if not isinstance(found, dict) or getter(resource.key)(found) in (None, ""):
        raise Temporary(
            words.vendor("took the record and did not say which it is", "Look there before sending it again."),
            outcome_unknown=True,
        )
    return found


def _stored(route: Route, made: dict[str, Any], words: Words) -> dict[str, Any]:
    with transaction.atomic():
        positions.state_of(route.connection, route.resource.name)  # not while a batch of a sync is written
        origins.speak(origins.of_connection(route.connection.pk))
        outcome = apply(route, [made], timezone.now(), match_as=RecordLink.Match.PUSHED)
    link = RecordLink.objects.filter(
        connection=route.connection, resource=route.resource.name, external_id__in=outcome.seen
    ).first()
    if link is None:
        kept = QuarantinedRecord.objects.filter(
            connection=route.connection, resource=route.resource.name, external_id__in=outcome.seen, resolved_at=None
        ).first()
        why = "; ".join(f"{one['field']}: {one['message']}" for one in kept.reasons) if kept else "no reason given"
        raise BadRecord(
            words.vendor(
                "created the record, and answered with one that could not be stored", f"It is set aside: {why}"
            )
        )
    return _shown([link])[0]
