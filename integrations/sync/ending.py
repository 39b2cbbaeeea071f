"""What follows when records of a connection have been taken over, however they came: read, tried again, or decided about."""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection as database
from psycopg import sql

from integrations import targets
from integrations.conflicts.review import review
from integrations.connections.models import Connection
from integrations.provider import Resource

from . import refs
from .copy import table
from .models import RecordLink
from .push.soon import look_soon

# Loads of this size leave the planner without a notion of the tables.
WORTH_ANALYZING = 5_000


def follow(connection: Connection, resources: Collection[Resource], *, changed: bool) -> None:
    """References find what has come, conflicts on which both sides agree by now end, and whoever sends what `changed` looks
    soon. Call it inside a transaction, with the resources' states locked and the origin said."""
    refs.settle(connection)
    for resource in resources:
        review(connection, resource.name)
    if changed:
        look_soon({resource.target for resource in resources}, but_not=connection)


def analyze(resource: Resource, taken: int) -> None:
    """After a load: only what queries choose by, the rest would cost as much as writing it."""
    if taken < WORTH_ANALYZING:
        return
    target = targets.get(resource.target)
    chosen_by = {
        table(target.model): sorted({"id", *(name for key in target.natural_keys for name in key)}),
        table(RecordLink): ["connection_id", "resource", "external_id", "target", "record_id", "state", "refs"],
    }
    with database.cursor() as cursor:
        for store, columns in chosen_by.items():
            names = sql.SQL(", ").join(store.column(name) for name in columns)
            cursor.execute(sql.SQL("ANALYZE {} ({})").format(store.name, names))
