"""When each resource of a connection is read by itself: as often as its provider says, unless the chapter has chosen.

The chapter's choice stands on ResourceState; what is due stands in the hub's one table (`hub.Due`), which follows from it.
Each resource has its own place in its interval, worked out from its name: a thousand chapters on one interval do not ask at
the same second, and a restart changes nothing.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from integrations import hub, registry
from integrations.connections.models import Connection
from integrations.hub.jobs.schedule import forget_due, set_due
from integrations.hub.models import Due
from integrations.provider import Provider, Resource

from . import positions
from .models import ResourceState

USABLE = (Connection.Status.CONNECTED, Connection.Status.ERROR)
LONGEST = timedelta(days=7)
# Nobody needs to ask five times as often as whoever knows the vendor found right.
FASTER = 5
SHORTEST = timedelta(minutes=1)
# What a two-way resource sends is looked for under a name of its own beside the resource's.
LOOKS = ":send"
LOOK_EVERY = timedelta(minutes=1)
# Of a day's requests the schedules of all resources together may take so much, if each run takes one.
OF_A_DAY = 0.5
MOST_SWEEP_DAYS = 90
NIGHT_BEGINS = time(1)
NIGHT = timedelta(hours=4)
# Where nobody worked at night, the sweep is made up for until then; later it waits for the next night.
MADE_UP_FOR = timedelta(hours=6)


class OutOfBounds(ValueError):
    """An interval that the provider does not allow; the sentence says which it does."""


def interval(state: ResourceState | None, resource: Resource) -> timedelta:
    return state.every if state is not None and state.every else resource.every


def shortest(provider: Provider, resource: Resource) -> timedelta:
    """How often it may be read at most: what the provider says, and what its budget of a day leaves room for."""
    found = max(SHORTEST, resource.every / FASTER)
    per_day = provider.limits.per_day or (provider.limits.per_hour or 0) * 24
    if per_day:
        found = max(found, timedelta(days=1) * len(provider.resources) / (per_day * OF_A_DAY))
    whole = timedelta(minutes=1)
    return min(-(-found // whole) * whole, LONGEST)


def choose(
    connection: Connection,
    resource: str,
    *,
    every: timedelta | None,
    enabled: bool,
    sweep_days: int,
) -> ResourceState:
    """Have a resource read so often (None: as the provider says) or not at all, and re-read the last days each night (0: not).
    KeyError for an unknown resource, OutOfBounds for an interval or number of days that is not allowed."""
    provider = registry.get(connection.provider)
    declared = provider.resource(resource)
    least = shortest(provider, declared)
    if every is not None and not least <= every <= LONGEST:
        raise OutOfBounds(f"Between {_minutes(least)} minutes and {LONGEST.days} days.")
    if not 0 <= sweep_days <= MOST_SWEEP_DAYS:
        raise OutOfBounds(f"Between 0 and {MOST_SWEEP_DAYS} days.")
    with transaction.atomic():
        state = positions.state_of(connection, resource)
        state.every, state.enabled, state.sweep_days = every, enabled, sweep_days
        state.save(update_fields=["every", "enabled", "sweep_days"])
        align(connection)
    return state


def align(connection: Connection) -> int:
    """Make what is due what the chapter chose and the provider declares; returns how many resources that changed.

    A resource that a later release declares gets its state and its place; one it no longer declares loses it; and while a
    connection cannot be used, nothing of it is due.
    """
    provider = registry.all_providers().get(connection.provider)
    declared = {resource.name: resource for resource in provider.resources} if provider else {}
    with transaction.atomic():
        states = {state.resource: state for state in ResourceState.objects.filter(connection=connection)}
        new = [ResourceState(connection=connection, resource=name) for name in declared if name not in states]
        ResourceState.objects.bulk_create(new, ignore_conflicts=True)
        wanted = {
            name: interval(states.get(name), resource)
            for name, resource in declared.items()
            if connection.status in USABLE and (name not in states or states[name].enabled)
        }
        wanted |= {
            name + LOOKS: LOOK_EVERY
            for name, state in states.items()
            if name in declared and state.sends and connection.status in USABLE
        }
        due = Due.objects.filter(chapter_id=hub.inside().pk, connection_id=connection.pk)
        known = {name: (every, at) for name, every, at in due.values_list("resource", "every", "due_at")}
        changed = {
            name: every
            for name, every in wanted.items()
            if name not in known or known[name][0] != every or not _in_place(connection.pk, name, every, known[name][1])
        }
        for name, every in changed.items():
            set_due(connection.pk, name, every, due_at=next_turn(connection.pk, name, every, timezone.now()))
        superfluous = set(known) - set(wanted)
        if superfluous:
            due.filter(resource__in=superfluous).delete()
    return len(changed) + len(superfluous)


def pause(connection: Connection) -> None:
    """Nothing is read by itself until the connection can be used again."""
    forget_due(connection.pk)


def next_turn(connection_id: UUID, resource: str, every: timedelta, now: datetime) -> datetime:
    """The next moment of this resource's own place in the interval."""
    length, offset = every.total_seconds(), _offset(connection_id, resource, every)
    turns = (now.timestamp() - offset) // length + 1
    return datetime.fromtimestamp(turns * length + offset, UTC)


def _in_place(connection_id: UUID, resource: str, every: timedelta, due_at: datetime) -> bool:
    """Whether what is due is due at the resource's own place in the interval, give or take a second."""
    length = every.total_seconds()
    off = (due_at.timestamp() - _offset(connection_id, resource, every)) % length
    return min(off, length - off) < 1


def _offset(connection_id: UUID, resource: str, every: timedelta) -> int:
    """Where in its interval the resource's place is, in whole seconds."""
    return int(_place(connection_id, resource, "turn") * every.total_seconds())


def sweep_is_due(state: ResourceState, resource: Resource, now: datetime) -> bool:
    """Whether this is the night's moment to read the last days once more, so that a change that was missed is found."""
    if not (state.enabled and state.sweep_days and resource.cursor and state.cursor and state.last_complete_at):
        return False
    moment = sweep_time(state.connection_id, state.resource, now)
    swept = state.swept_at is not None and state.swept_at >= moment
    return moment <= now < moment + MADE_UP_FOR and not swept


def sweep_time(connection_id: UUID, resource: str, now: datetime) -> datetime:
    """Its moment of the chapter's night of today."""
    zone = ZoneInfo(hub.inside().timezone)
    begins = datetime.combine(now.astimezone(zone).date(), NIGHT_BEGINS, zone)
    return begins + _place(connection_id, resource, "night") * NIGHT


def _place(connection_id: UUID, resource: str, what: str) -> float:
    """From 0 to below 1, always the same for the same names."""
    digest = hashlib.blake2b(f"{connection_id}|{resource}|{what}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)
