"""Set-aside records tried again with the mapping as it is now: the job `sync.retry`, in batches, each one transaction."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from psycopg.types.json import Jsonb

from integrations import http, registry
from integrations.changes import origins
from integrations.connections.models import Connection
from integrations.http import Door
from integrations.hub.jobs import Retry, Work, enqueue, job
from integrations.mapping.compile import MappingError
from integrations.provider import ProviderError, RateLimited, Resource

from . import ending, positions, quarantine, reread
from .apply import apply
from .batch import Route
from .intake import Rejected
from .models import QuarantinedRecord, QuarantineRetry
from .reread import NotReadable, Reread
from .setaside import Which

KIND = "sync.retry"
BATCH = 500
TURN_SECONDS = 60.0
CANNOT = "cannot be tried again from here: "
State = QuarantineRetry.State

_SAY = """
UPDATE integrations_quarantinedrecord q SET reasons = n.reasons
FROM unnest(%s::uuid[], %s::jsonb[]) AS n (id, reasons) WHERE q.id = n.id AND q.resolved_at IS NULL
"""


def request(connection: Connection, which: Which, *, user: Any = None) -> QuarantineRetry:
    """Queue another try of these; done at once where there are none."""
    with transaction.atomic():
        total = which.rows(connection).count()
        retry = QuarantineRetry.objects.create(
            connection=connection,
            resource=which.resource,
            wanted=which.stored(),
            total=total,
            triggered_by=user if user is not None and user.is_authenticated else None,
        )
        if total:
            enqueue(KIND, key=str(retry.pk), payload={"retry": str(retry.pk)}, priority=3)
        else:
            _end(retry, State.DONE, "There was nothing to try again.")
    return retry


def given_up(payload: dict[str, Any], reason: str) -> None:
    for retry in QuarantineRetry.objects.filter(pk=payload["retry"], state__in=(State.QUEUED, State.RUNNING)):
        _end(retry, State.FAILED, f"{reason} Try it again when it is mended.")


@job(KIND, lease=60, given_up=given_up)
def run(work: Work) -> None:
    """Payload: {"retry": id}."""
    retry = QuarantineRetry.objects.select_related("connection").filter(pk=work.payload["retry"]).first()
    if retry is None or retry.state not in {State.QUEUED, State.RUNNING}:
        return
    began = time.monotonic()
    trying = _Trying(retry, work)
    try:
        while trying.batch():
            if time.monotonic() - began > TURN_SECONDS:
                raise Retry(0, "Makes room for others; it goes on where it stopped.")
    except RateLimited as pause:
        raise Retry(pause.retry_after, str(pause)) from pause
    except (MappingError, registry.UnknownProvider) as error:
        _end(retry, State.FAILED, str(error))
        return
    trying.finish()


class _Trying:
    def __init__(self, retry: QuarantineRetry, work: Work) -> None:
        self.retry, self.work, self.connection = retry, work, retry.connection
        self.provider = registry.get(self.connection.provider)
        self.which = Which.of(retry.resource, retry.wanted)
        self.routes: dict[str, Route | None] = {}

    def batch(self) -> bool:
        """Try the next records; False when none is left. What has to be fetched is fetched before anything is locked."""
        # Ids are in the order of time: what is set aside after this was asked for is not part of it.
        rows = self.which.rows(self.connection).filter(pk__lt=self.retry.pk)
        if self.retry.after:
            rows = rows.filter(pk__gt=self.retry.after)
        found = list(rows.order_by("pk")[:BATCH])
        if not found:
            return False
        with self._door() as door:
            records = [self._read_again(row, door) for row in found]
        with transaction.atomic():
            self.work.fence()
            origins.speak(origins.of_connection(self.connection.pk), self.retry.pk)
            self._try(records)
            self.retry.after, self.retry.state = found[-1].pk, State.RUNNING
            self.retry.tried += len(found)
            taken = QuarantinedRecord.objects.filter(pk__in=[row.pk for row in found], resolved_at__isnull=False)
            self.retry.taken += taken.count()
            self.retry.save(update_fields=["after", "state", "tried", "taken"])
        return True

    def finish(self) -> None:
        tried = self._tried()
        for resource in tried:
            ending.analyze(resource, self.retry.taken)
        with transaction.atomic():
            self.work.fence()
            origins.speak(origins.of_connection(self.connection.pk), self.retry.pk)
            for resource in tried:
                positions.state_of(self.connection, resource.name)
            ending.follow(self.connection, tried, changed=self.retry.taken > 0)
            left = self.retry.tried - self.retry.taken
            rest = f"; {left:,} {'is' if left == 1 else 'are'} still set aside" if left else ""
            _end(self.retry, State.DONE, f"{self.retry.taken:,} of {self.retry.tried:,} were taken{rest}.")
            self.work.complete()

    def _tried(self) -> list[Resource]:
        """What records were tried of since it was asked for, by this worker or one before it."""
        rows = QuarantinedRecord.objects.filter(connection=self.connection, tried_at__gte=self.retry.created_at)
        names = set(rows.order_by().values_list("resource", flat=True).distinct())
        return sorted((one for one in self.provider.resources if one.name in names), key=lambda one: one.name)

    # --- reading again ------------------------------------------------------------------------------------------------

    @contextmanager
    def _door(self) -> Iterator[_Doors]:
        with ExitStack() as stack:
            yield _Doors(self.connection, stack)

    def _read_again(self, row: QuarantinedRecord, doors: _Doors) -> Reread:
        route = self._route(row.resource)
        if route is None:
            return Reread(row=row, why=f"{self.provider.name} has no {row.resource} any more")
        exact = route.mapping.exact
        try:
            return Reread(row=row, record=reread.stored(row, exact=exact))
        except NotReadable as why:
            said = str(why)
        try:
            return Reread(
                row=row, record=reread.fetched(doors.door(row.resource), route.resource, row.external_id, exact=exact)
            )
        except NotReadable as why:
            return Reread(row=row, why=f"{said}, and {why}")

    def _route(self, resource: str) -> Route | None:
        if resource not in self.routes:
            declared = next((one for one in self.provider.resources if one.name == resource), None)
            self.routes[resource] = declared and Route.of(self.connection, declared)
        return self.routes[resource]

    # --- applying -----------------------------------------------------------------------------------------------------

    def _try(self, records: list[Reread]) -> None:
        """Everything of one batch, in the caller's transaction. What a sync has changed meanwhile is left to it."""
        now = timezone.now()
        for resource in sorted({one.row.resource for one in records}):
            positions.state_of(self.connection, resource)  # not while a batch of a sync is written
        still = QuarantinedRecord.objects.select_for_update().filter(
            pk__in=[one.row.pk for one in records], resolved_at=None
        )
        as_they_were = dict(still.values_list("pk", "created_at"))
        records = [one for one in records if as_they_were.get(one.row.pk) == one.row.created_at]
        said: dict[UUID, list[dict[str, str]]] = {}
        lists: dict[tuple[str, str | None], list[tuple[Reread, str]]] = defaultdict(list)
        for one in records:
            if one.why:
                kept = [reason for reason in one.row.reasons if not reason.get("message", "").startswith(CANNOT)]
                said[one.row.pk] = [*kept, {"field": "", "message": CANNOT + one.why}]
                continue
            route = self._route(one.row.resource)
            assert route is not None
            mapped = route.mapping.inward(one.record)
            if mapped.key:
                parent = mapped.key.split("/", 1)[0] if route.resource.within else None
                lists[one.row.resource, parent].append((one, mapped.key))
            else:
                said[one.row.pk] = quarantine.reasons_of(Rejected("", mapped.errors, one.record))
        for (resource, parent), those in lists.items():
            self._apply(resource, parent, those, now)
        ids = [one.row.pk for one in records]
        with database.cursor() as cursor:
            cursor.execute(_SAY, [list(said), [Jsonb(reasons) for reasons in said.values()]])
        QuarantinedRecord.objects.filter(pk__in=ids).update(tries=F("tries") + 1, tried_at=now)

    def _apply(self, resource: str, parent: str | None, those: list[tuple[Reread, str]], now: Any) -> None:
        route = self._route(resource)
        assert route is not None
        apply(replace(route, parent=parent), [one.record for one, _ in those], now)
        # Known by another key now: what is to be said of it stands under that one.
        renamed = [one.row.pk for one, key in those if key != one.row.external_id]
        QuarantinedRecord.objects.filter(pk__in=renamed).update(resolved_at=now)


class _Doors:
    """The connection's door, opened when something has to be fetched."""

    def __init__(self, connection: Connection, stack: ExitStack) -> None:
        self.connection, self.stack = connection, stack
        self.opened: Door | None = None

    def door(self, resource: str) -> Door:
        """NotReadable where the connection cannot be used."""
        if self.opened is None:
            try:
                self.opened = self.stack.enter_context(http.open_door(self.connection, resource=resource))
            except RateLimited:
                raise
            except ProviderError as error:
                raise NotReadable(f"it could not be fetched again: {error}") from None
        return self.opened


def _end(retry: QuarantineRetry, state: str, message: str) -> None:
    retry.state, retry.message, retry.finished_at = state, message, timezone.now()
    retry.save(update_fields=["state", "message", "finished_at"])
