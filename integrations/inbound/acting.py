"""What is done about events: what changed is read again, as it is now, and taken over by the one pipeline.

An event is a hint. Where the vendor has an address for a single record and only a few changed, those are fetched; else one run
reads what changed since last time. Either asks for what is true now, so neither order nor repetition of events matters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from django.db import connection as database
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from integrations import http, registry
from integrations.changes import origins
from integrations.connections.models import Connection
from integrations.http.redaction import redact
from integrations.hub.jobs import Retry, Work
from integrations.mapping.compile import MappingError
from integrations.provider import ProviderError, RateLimited, Resource, dig
from integrations.sync import links, positions, reread, services
from integrations.sync.apply import apply
from integrations.sync.batch import Route
from integrations.sync.ending import follow
from integrations.sync.models import ResourceState, SyncRun

from .models import InboundEvent

BATCH = 1_000
# More of one resource than this are read by one run.
FEW = 20
MOST_ATTEMPTS = 8
# A run that is reading may have passed the place: the next one begins after it.
AFTER_A_RUN = 5.0
State = InboundEvent.State
USABLE = (Connection.Status.CONNECTED, Connection.Status.ERROR)


class Acting:
    """The waiting events of a connection, being acted on under a job."""

    def __init__(self, connection: Connection, work: Work) -> None:
        self.connection, self.work = connection, work
        self.provider = registry.get(connection.provider)

    def all(self) -> None:
        """Everything that is due. Raises Retry for what has to wait: a pause of the vendor's, or a later attempt."""
        while due := self._due():
            by_resource: dict[str, list[InboundEvent]] = defaultdict(list)
            for event in due:
                by_resource[event.resource].append(event)
            for name, several in by_resource.items():
                self._about(name, several)
        self._later()

    def _due(self) -> list[InboundEvent]:
        waiting = self._waiting().filter(next_try_at__lte=timezone.now()).order_by("next_try_at", "id")
        return list(waiting.defer("payload")[:BATCH])

    def _later(self) -> None:
        following = self._waiting().order_by("next_try_at").values_list("next_try_at", flat=True).first()
        if following is not None:
            raise Retry(max((following - timezone.now()).total_seconds(), 0.1), "Events wait for another attempt.")

    def _waiting(self) -> QuerySet[InboundEvent]:
        return InboundEvent.objects.filter(connection=self.connection, state=State.WAITING)

    def _about(self, name: str, several: list[InboundEvent]) -> None:
        resource = next((one for one in self.provider.resources if one.name == name), None)
        self.connection.refresh_from_db(fields=["status"])
        if resource is None:
            self._end(several, State.IGNORED, f"{self.provider.name} has no {name} here any more.")
        elif self.connection.status not in USABLE:
            self._end(several, State.IGNORED, "The connection was not connected: its next sync reads what changed.")
        elif ResourceState.objects.filter(connection=self.connection, resource=name, enabled=False).exists():
            self._end(several, State.IGNORED, f"{resource.title} are switched off for this connection.")
        else:
            self._try(resource, several)

    def _try(self, resource: Resource, several: list[InboundEvent]) -> None:
        keys = {event.record for event in several}
        few = resource.one is not None and resource.within is None and "" not in keys and len(keys) <= FEW
        try:
            if few:
                self._fetch(resource, several)
            else:
                self._run(resource, several)
        except RateLimited as pause:
            raise Retry(pause.retry_after, str(pause)) from pause
        except (ProviderError, MappingError) as error:
            self._again(several, redact(str(error)))

    # --- a run --------------------------------------------------------------------------------------------------------

    def _run(self, resource: Resource, several: list[InboundEvent]) -> None:
        with transaction.atomic():
            self.work.fence()
            (run,) = services.request_sync(self.connection, resource.name, trigger=SyncRun.Trigger.WEBHOOK)
            if run.state == SyncRun.State.QUEUED:
                self._ended(several, State.DONE, "Read by a run.", run)
            else:
                later = timezone.now() + timedelta(seconds=AFTER_A_RUN)
                note = "A run is reading: the next one begins after it."
                InboundEvent.objects.filter(pk__in=ids(several)).update(next_try_at=later, note=note)

    # --- one by one ---------------------------------------------------------------------------------------------------

    def _fetch(self, resource: Resource, several: list[InboundEvent]) -> None:
        route = Route.of(self.connection, resource)
        keys = sorted({event.record for event in several})
        before = self._digests(route, keys)
        found, gone, unread = {}, set(), {}
        says_gone = resource.write.gone if resource.write else ""
        with http.open_door(self.connection, resource=resource.name) as door:
            for key in keys:
                try:
                    record = reread.fetched(door, resource, key, exact=route.mapping.exact)
                    if says_gone and dig(record, says_gone):
                        gone.add(key)
                    else:
                        found[key] = record
                except reread.Gone:
                    gone.add(key)
                except reread.NotReadable as why:
                    unread[key] = f"{key}: {why}."
        with transaction.atomic():
            self.work.fence()
            positions.state_of(self.connection, resource.name)  # not while a batch of a run is written
            now = self._digests(route, keys)
            moved = {key for key in keys if now.get(key) != before.get(key)}  # a run was faster: what we hold is older
            self._take(route, [record for key, record in found.items() if key not in moved])
            deleted = {event.record for event in several if self._says_deleted(event)} & gone - moved
            self._delete(route, deleted)
            self._settle(several, moved, gone, unread)

    def _take(self, route: Route, records: list[object]) -> None:
        if not records:
            return
        origins.speak(origins.of_connection(self.connection.pk))
        outcome = apply(route, records, timezone.now())
        follow(self.connection, [route.resource], changed=bool(outcome.counts.created or outcome.counts.updated))

    def _delete(self, route: Route, keys: Collection[str]) -> None:
        if keys:
            origins.speak(origins.of_connection(self.connection.pk))
            with database.cursor() as cursor:
                links.mark_deleted(cursor, route, sorted(keys), timezone.now())

    def _says_deleted(self, event: InboundEvent) -> bool:
        return self.provider.webhook is not None and event.topic in self.provider.webhook.deletes

    def _settle(self, several: list[InboundEvent], moved: set[str], gone: set[str], unread: dict[str, str]) -> None:
        """Each event gets what came of its record. What a run has changed meanwhile waits, and is fetched at once again."""
        over = [event for event in several if event.record not in moved]
        self._ended(
            [one for one in over if one.record not in gone | set(unread)], State.DONE, "Fetched and taken over."
        )
        self._ended([one for one in over if one.record in gone and self._says_deleted(one)], State.DONE, "Gone there.")
        left = [one for one in over if one.record in gone and not self._says_deleted(one)]
        self._ended(left, State.DONE, "It is not there any more: the next complete read settles that.")
        for key, why in unread.items():
            self._ended([one for one in over if one.record == key], State.FAILED, why)

    @staticmethod
    def _digests(route: Route, keys: list[str]) -> dict[str, links.Known]:
        with database.cursor() as cursor:
            return links.known(cursor, route, keys)

    # --- outcomes -----------------------------------------------------------------------------------------------------

    def _end(self, several: list[InboundEvent], state: str, note: str) -> None:
        with transaction.atomic():
            self.work.fence()
            self._ended(several, state, note)

    def _ended(self, several: list[InboundEvent], state: str, note: str, run: SyncRun | None = None) -> None:
        if several:
            InboundEvent.objects.filter(pk__in=ids(several)).update(
                state=state, note=note, done_at=timezone.now(), attempts=F("attempts") + 1, run=run
            )

    def _again(self, several: list[InboundEvent], why: str) -> None:
        """Another attempt later, twice as late each time; after the last one a person has to look."""
        with transaction.atomic():
            self.work.fence()
            for attempts in sorted({event.attempts for event in several}):
                mine = [event for event in several if event.attempts == attempts]
                if attempts + 1 >= MOST_ATTEMPTS:
                    self._ended(mine, State.FAILED, why)
                    continue
                later = timezone.now() + timedelta(seconds=10 * 2**attempts)
                rows = InboundEvent.objects.filter(pk__in=ids(mine))
                rows.update(next_try_at=later, attempts=attempts + 1, note=why)


def ids(several: Collection[InboundEvent]) -> list[UUID]:
    return [event.pk for event in several]
