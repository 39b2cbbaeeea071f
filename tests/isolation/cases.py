"""What stands in a route's parameters: for each name, the objects of a place.

A new parameter needs its line here, or the suite fails: nobody may add an address that is never asked for another chapter's
objects.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db.models import Model
from uuid_utils.compat import uuid7

from integrations import registry

from .routes import Route

Rows = dict[str, Model]


@dataclass(frozen=True, kw_only=True)
class Place:
    """A chapter or the hub with its specimens. `provider`: the one it has a connection to."""

    name: str
    host: str
    canary: str
    provider: str
    rows: Rows

    def key(self, label: str) -> Any:
        """The key of its row of that model; one of its other rows' when it has no such table."""
        row = self.rows.get(label) or next(iter(self.rows.values()))
        return row.pk


def nowhere(place: Place) -> Place:
    """The same tables with rows that were never stored."""
    rows = {label: type(row)(pk=uuid7() if isinstance(row.pk, UUID) else 900_000) for label, row in place.rows.items()}
    return replace(place, name="nowhere", rows=rows)


def _of(*labels: str) -> Callable[[Route, Place], list[Any]]:
    return lambda route, place: [place.key(label) for label in labels]


# Parameter -> the keys of a place's objects that may stand there.
OBJECTS: dict[str, Callable[[Route, Place], list[Any]]] = {
    "connection_id": _of("integrations.Connection"),
    "run_id": _of("integrations.SyncRun"),
    "set_aside_id": _of("integrations.QuarantinedRecord"),
    "retry_id": _of("integrations.QuarantineRetry"),
    "event_id": _of("integrations.InboundEvent"),
    "event": _of("integrations.InboundEvent"),
    "record": _of("integrations.QuarantinedRecord"),
    "review_id": _of("integrations.MatchReview"),
    "merge_id": _of("integrations.Merge"),
    "record_id": lambda route, place: [_record(place)],
    "conflict_id": _of("integrations.Conflict"),
    "endpoint_id": _of("integrations.Endpoint"),
    "delivery_id": _of("integrations.Delivery"),
    "pk": _of("integrations.Connection", "integrations.SyncRun", "integrations.Conflict"),
    "id": _of("auth.User"),
    "object_id": lambda route, place: [place.key(route.model._meta.label)],
}

# Parameters that name no object of a chapter: what all share, and words.
WORDS: dict[str, Callable[[Route, Place], str]] = {
    "slug": lambda route, place: place.provider,
    "resource": lambda route, place: registry.get(place.provider).resources[0].name,
    "target": lambda route, place: registry.get(place.provider).resources[0].target,
    "action": lambda route, place: next((a.name for a in registry.get(place.provider).actions), "none"),
    "urn": lambda route, place: "urn:canonical:member:1.0.0",
    "app_label": lambda route, place: "integrations",
    "url": lambda route, place: "nothing/here",
    "number": lambda route, place: "1",
}


def missing(route: Route) -> set[str]:
    """Parameters of the route that nobody said anything about."""
    return set(route.parameters) - set(OBJECTS) - set(WORDS)


def paths(route: Route, owner: Place, words: Place) -> list[str]:
    """The route's addresses of the owner's objects, with the words of either place around them."""
    found = [{name: WORDS[name](route, words) for name in route.parameters if name in WORDS}]
    for name in sorted(route.parameters & set(OBJECTS)):
        found = [{**one, name: key} for one in found for key in OBJECTS[name](route, owner)]
    return [route.path(one) for one in found]


def names_an_object(route: Route) -> bool:
    return bool(route.parameters & set(OBJECTS))


def _record(place: Place) -> Any:
    link: Any = place.rows.get("integrations.RecordLink")
    return link.record_id if link else place.key("integrations.RecordLink")
