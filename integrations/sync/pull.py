"""One resource read and applied, batch by batch. A batch, its links, the place and the progress are one transaction."""

from __future__ import annotations

import dataclasses
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from django.db import connection as database
from django.db import transaction
from django.utils import timezone
from psycopg import sql

from integrations.connections.models import Connection
from integrations.http import Door
from integrations.provider import FullComparison, Permanent

from . import deletes, positions, quarantine, refs
from .apply import apply
from .batch import Counts, Route
from .copy import table
from .cursors import newest
from .models import RecordLink, ResourceState, SyncRun
from .positions import Position
from .reading import Piece, Request, read

MOST_RECORDS = 5_000
MOST_PAGES = 50
MOST_SECONDS = 5.0
# How long a job reads before others get its worker: a first sync may take hours.
TURN_SECONDS = 60.0
# Loads of this size leave the planner without a notion of the tables.
WORTH_ANALYZING = 5_000

Progress = Callable[[SyncRun], None]


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Python looks for cycles after every 700 objects that stay; a batch has tens of thousands, and no cycles. A fifth of
    the time of a load went there."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


class Cancelled(Exception):
    """A person stopped the run."""


class TurnOver(Exception):
    """The run has had its worker for long enough: what is left is read when it is its turn again."""


class Fence(Protocol):
    """What a job lends its body (`integrations.hub.jobs.Work`)."""

    def fence(self) -> None: ...

    def complete(self) -> None: ...


@dataclasses.dataclass(kw_only=True)
class Pull:
    """A run at work. `route` carries the mapping as it was when the read began."""

    route: Route
    run: SyncRun
    state: ResourceState
    position: Position
    work: Fence | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        self.messages: list[str] = []
        self.braked = False
        self.watching_quarantine = quarantine.any_open(self.route)

    @property
    def comparing(self) -> bool:
        """Whether what this read does not show is gone."""
        return isinstance(self.route.resource.deletes, FullComparison) and self.position.since is None

    @collecting_seldom()
    def read(self, door: Door) -> None:
        """Every page from the place on, applied. Raises ProviderErrors, Cancelled, Superseded, and with a job LeaseLost and
        TurnOver."""
        waiting: list[Any] = []
        pages, began = 0, time.monotonic()
        turn_began = began
        for piece in self._pieces(door):
            waiting += piece.records
            pages += 1
            self._note(piece)
            full = len(waiting) >= MOST_RECORDS or pages >= MOST_PAGES or time.monotonic() - began > MOST_SECONDS
            # A parent's records are matched within their list: a batch never holds those of two.
            if waiting and (full or (piece.parent is not None and piece.ends)):
                self._flush(waiting, piece)
                waiting, pages, began = [], 0, time.monotonic()
                self._make_room(turn_began)
            elif not waiting:
                self.position = dataclasses.replace(self.position, place=piece.place)
            last = piece
        if waiting:
            self._flush(waiting, last)

    def finish(self) -> None:
        """What can only be said at the end: deletions, references, cursor, outcome; and the job's completion with them."""
        if self.run.plan_only:
            self._finish_plan()
            return
        if self.run.created >= WORTH_ANALYZING:
            self._analyze()
        now = timezone.now()
        with transaction.atomic():
            self._hold()
            if self.comparing:
                self._compare()
            refs.settle(self.route.connection)
            state = self.state
            state.cursor = self.position.newest.isoformat() if self.position.newest else state.cursor
            state.position, state.last_complete_at, state.last_error = None, self.position.began, ""
            state.mapping = self.position.mapping
            state.save(update_fields=["cursor", "position", "last_complete_at", "mapping", "last_error"])
            ended = SyncRun.State.PARTIAL if self.run.quarantined else SyncRun.State.SUCCEEDED
            self._close(SyncRun.State.PLANNED if self.braked else ended)
            Connection.objects.filter(pk=self.route.connection.pk).update(last_sync_at=now, last_error="")
            if self.work:
                self.work.complete()

    # --- reading ------------------------------------------------------------------------------------------------------

    def _pieces(self, door: Door) -> Iterator[Piece]:
        """The reader's pieces. A place that the vendor no longer knows is given up once, for the beginning."""
        try:
            first = True
            for piece in read(door, self._request()):
                first = False
                yield piece
        except Permanent:
            if not first or not self.position.resumed:
                raise
            self._begin_anew()
            yield from read(door, self._request())

    def _request(self) -> Request:
        return Request(
            connection=self.route.connection,
            resource=self.route.resource,
            exact=self.route.mapping.exact,
            since=self.position.since,
            known_since=self.state.last_complete_at,
            place=self.position.place,
        )

    def _begin_anew(self) -> None:
        with transaction.atomic():
            self._hold()
            self.position = positions.anew(self.state, self.route.resource, self.position.mapping, full=self.run.full)
            if self.run.full != (self.position.since is None):
                self.run.full = self.position.since is None
                self.run.save(update_fields=["full"])

    def _make_room(self, turn_began: float) -> None:
        """Not where only the end is left to do; and a plan keeps no place to go on from."""
        late = time.monotonic() - turn_began > TURN_SECONDS
        if late and self.work and not self.run.plan_only and "ended" not in self.position.place:
            raise TurnOver

    def _note(self, piece: Piece) -> None:
        if piece.total is not None:
            self.run.total = piece.total
            self.position = dataclasses.replace(self.position, total=piece.total)
        if piece.doubtful:
            self.position = dataclasses.replace(self.position, doubtful=True)

    # --- applying -----------------------------------------------------------------------------------------------------

    def _flush(self, records: list[Any], piece: Piece) -> None:
        """Apply what waits, in batches; only the last of them moves the place, and counts what was shown up to there."""
        route = dataclasses.replace(self.route, parent=piece.parent)
        for start in range(0, len(records), MOST_RECORDS):
            batch = records[start : start + MOST_RECORDS]
            ends = start + MOST_RECORDS >= len(records)
            place, shown = (piece.place, len(records)) if ends else (self.position.place, 0)
            self._batch(route, batch, place, shown)
            if self.progress:
                self.progress(self.run)

    def _batch(self, route: Route, records: list[Any], place: dict[str, Any], shown: int) -> None:
        now = timezone.now()
        with transaction.atomic():
            self._hold()
            outcome = apply(route, records, now, run_id=self.run.pk, look_for_resolved=self.watching_quarantine)
            position = self._moved(records, place, shown, outcome.keyless)
            counts = Counts.of(self.run)
            counts.add(outcome.counts)
            if self.run.plan_only:
                transaction.set_rollback(True)
            else:
                if self.comparing:
                    with database.cursor() as cursor:
                        deletes.remember(cursor, self.state, outcome.seen)
                self.state.position = position.stored()
                self.state.save(update_fields=["position"])
                self._save_counts(counts)
        if self.run.plan_only:
            self._save_counts(counts)
        self.position = position
        self.watching_quarantine = self.watching_quarantine or counts.quarantined > 0
        counts.put_on(self.run)

    def _moved(self, records: list[Any], place: dict[str, Any], shown: int, keyless: int) -> Position:
        position, cursor = self.position, self.route.resource.cursor
        seen = newest(cursor, records, position.newest, position.began) if cursor else None
        return dataclasses.replace(
            position,
            place=place,
            newest=seen,
            count=position.count + shown,
            doubtful=position.doubtful or keyless > 0,
        )

    def _hold(self) -> None:
        """Everything that may have changed under us since the last batch, locked and looked at."""
        if self.work:
            self.work.fence()
        if not self.run.plan_only:
            self.state = positions.locked(self.state)
        (now,) = SyncRun.objects.select_for_update(no_key=True).filter(pk=self.run.pk).values_list("state", flat=True)
        if now == SyncRun.State.CANCELLED:
            raise Cancelled
        if not self.run.plan_only:
            positions.confirm(self.state, self.position)

    def _save_counts(self, counts: Counts) -> None:
        SyncRun.objects.filter(pk=self.run.pk).update(
            **dataclasses.asdict(counts), fetched=counts.total, total=self.run.total, progress_at=timezone.now()
        )

    # --- ending -------------------------------------------------------------------------------------------------------

    def _compare(self) -> None:
        if self.position.doubtful or self.position.short:
            self.messages.append("Not everything was seen, so nothing was taken as deleted.")
        else:
            deleted, message = deletes.compare(self.route, self.state, self.position.began, approved=self.run.approved)
            self.run.deleted += deleted
            self.braked = bool(message)
            self.messages += [message] if message else []
            self._answered()
        deletes.forget(self.state)

    def _answered(self) -> None:
        """Deletes that an older run wanted a person for are this run's to do, or to ask for again."""
        older = SyncRun.objects.filter(connection=self.route.connection, resource=self.run.resource)
        older.filter(state=SyncRun.State.PLANNED, plan_only=False).update(state=SyncRun.State.SUCCEEDED)

    def _finish_plan(self) -> None:
        with transaction.atomic():
            self._hold()
            self._close(SyncRun.State.PLANNED)
            if self.work:
                self.work.complete()

    def _close(self, state: str) -> None:
        run = self.run
        run.state, run.finished_at = state, timezone.now()
        run.message = " ".join([self._summary(), *self.messages])
        run.save(update_fields=["state", "finished_at", "message", "deleted"])

    def _summary(self) -> str:
        run = self.run
        would = "would be " if run.plan_only else ""
        parts = [
            f"{number:,} {would}{word}"
            for number, word in ((run.created, "new"), (run.updated, "changed"), (run.deleted, "deleted there"))
            if number
        ]
        parts += [f"{run.unchanged:,} with nothing to change"] if run.unchanged else []
        parts += [f"{run.quarantined:,} set aside"] if run.quarantined else []
        return f"{run.fetched:,} read: {', '.join(parts)}." if parts else "Nothing new."

    def _analyze(self) -> None:
        """Only what queries choose by: the rest would cost as much as writing it."""
        target = self.route.target
        chosen_by = {
            table(target.model): sorted({"id", *(name for key in target.natural_keys for name in key)}),
            table(RecordLink): ["connection_id", "resource", "external_id", "target", "record_id", "state"],
        }
        with database.cursor() as cursor:
            for store, columns in chosen_by.items():
                names = sql.SQL(", ").join(store.column(name) for name in columns)
                cursor.execute(sql.SQL("ANALYZE {} ({})").format(store.name, names))
