"""One resource read and applied, batch by batch. A batch, its links, the place and the progress are one transaction."""

from __future__ import annotations

import dataclasses
import gc
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from typing import Any, Protocol

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from integrations.changes import origins
from integrations.connections.models import Connection
from integrations.http import Door
from integrations.matching import reviews
from integrations.provider import FullComparison, Permanent, ProviderError

from . import conflicts, deletes, drift, ending, pace, planned, positions, quarantine, survey, tombstones
from . import plan as plans
from .ahead import TurnOver
from .apply import Outcome, apply
from .batch import Counts, Route
from .cursors import newest
from .models import ResourceState, SyncRun
from .moved import has_moved
from .positions import Position
from .reading import Piece, Request, read

MOST_RECORDS = 2_500
MOST_PAGES = 25
MOST_SECONDS = 5.0
# How long a job reads before others get its worker: a first sync may take hours.
TURN_SECONDS = 60.0

# A batch looks everything up by key. While a table is being filled the planner knows nothing of it, and would read the whole of
# it for every batch: a load would take the square of its length. Where there is no index, that reading counts as so dear that
# the statement would be compiled first, which takes longer than the statement.
BY_INDEX = "SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)"

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
    sends: bool = False  # what changed here is sent afterwards, in the same run
    # What is read is only planned: asked for so, a first read, or from where the run would have changed too much.
    plan: plans.Plan | None = None

    def __post_init__(self) -> None:
        self.messages: list[str] = []
        self.braked = False
        self.watching_quarantine = quarantine.any_open(self.route)
        self.fields = drift.Watch(self.route, self.state)
        self.buried: tombstones.Found | None = None
        self.watching_conflicts = conflicts.any_open(self.route)
        self.began = time.monotonic()

    @property
    def comparing(self) -> bool:
        """Whether what this read does not show is gone."""
        return isinstance(self.route.resource.deletes, FullComparison) and self.position.since is None

    @collecting_seldom()
    def read(self, door: Door) -> None:
        """Every page from the place on, applied. Raises ProviderErrors, Cancelled, Superseded, and with a job LeaseLost and
        TurnOver."""
        with closing(self._pieces(door)) as pieces:
            self._apply(pieces)
        self.buried = tombstones.read(door, self.route.resource, self.state, self.position.began)

    def finish(self) -> None:
        """What can only be said at the end: deletions, references, cursor, outcome; and the job's completion with them."""
        if self.plan is not None:
            self._finish_plan(self.plan)
            return
        ending.analyze(self.route.resource, self.run.created)
        now = timezone.now()
        with transaction.atomic():
            self._hold()
            if self.comparing:
                self._compare()
            self._bury()
            self._follow()
            state = self.state
            state.cursor = self.position.newest.isoformat() if self.position.newest else state.cursor
            state.position, state.last_complete_at, state.last_error = None, self.position.began, ""
            state.mapping = self.position.mapping
            state.drift, state.arrivals = self.fields.judge(state.drift, now), self.fields.arrivals
            kept = ["cursor", "position", "last_complete_at", "mapping", "last_error", "drift", "arrivals"]
            state.save(update_fields=[*kept, "deletions_cursor"])
            Connection.objects.filter(pk=self.route.connection.pk).update(last_sync_at=now, last_error="")
            if self.sends and not self.braked:
                self._hand_over()
                return
            ended = SyncRun.State.PARTIAL if self.run.quarantined else SyncRun.State.SUCCEEDED
            self._close(SyncRun.State.PLANNED if self.braked else ended)
            if self.work:
                self.work.complete()

    # --- reading ------------------------------------------------------------------------------------------------------

    def _pieces(self, door: Door) -> Generator[Piece]:
        """The reader's pieces. A place that the vendor no longer knows, or whose list has moved, is given up once, for the
        beginning."""
        if self.position.old and has_moved(door, self._request()):
            self._begin_anew()
        self.position = dataclasses.replace(self.position, old=False)
        try:
            first = True
            with closing(read(door, self._request())) as pieces:
                for piece in pieces:
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
            planned=planned.parents(self.route) if self.plan is not None else None,
            late=self._late,
        )

    def _begin_anew(self) -> None:
        with transaction.atomic():
            self._hold()
            self.position = positions.anew(
                self.state,
                self.route.resource,
                self.position.mapping,
                full=self.run.full,
                back=timedelta(days=self.run.back_days),
            )
            self.plan = None
            if self.run.full != (self.position.since is None):
                self.run.full = self.position.since is None
                self.run.save(update_fields=["full"])

    def _late(self) -> bool:
        """Whether others wait for the worker. A plan keeps no place to go on from."""
        return bool(self.work) and self.plan is None and time.monotonic() - self.began > TURN_SECONDS

    def _note(self, piece: Piece) -> None:
        self.run.pages += 1
        if piece.total is not None:
            self.run.total = piece.total
            self.position = dataclasses.replace(self.position, total=piece.total)
        if piece.doubtful:
            self.position = dataclasses.replace(self.position, doubtful=True)

    # --- applying -----------------------------------------------------------------------------------------------------

    def _apply(self, pieces: Iterator[Piece]) -> None:
        """What was read before an error, or before the end of the turn, is applied before that is raised."""
        waiting: list[Any] = []
        last: Piece | None = None
        pages, began = 0, time.monotonic()
        while True:
            try:
                piece = next(pieces, None)
            except (ProviderError, TurnOver):
                if last and waiting:
                    self._flush(waiting, last)
                raise
            if piece is None:
                break
            waiting += piece.records
            pages += 1
            self._note(piece)
            full = len(waiting) >= MOST_RECORDS or pages >= MOST_PAGES or time.monotonic() - began > MOST_SECONDS
            # A parent's records are matched within their list: a batch never holds those of two.
            if waiting and (full or (piece.parent is not None and piece.ends)):
                self._flush(waiting, piece)
                waiting, pages, began = [], 0, time.monotonic()
            elif not waiting:
                self.position = dataclasses.replace(self.position, place=piece.place)
            last = piece
        if last and waiting:
            self._flush(waiting, last)

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
            since = survey.mark()
            with database.cursor() as cursor:
                cursor.execute(BY_INDEX)
            outcome = apply(
                route,
                records,
                now,
                run_id=self.run.pk,
                look_for_resolved=self.watching_quarantine,
                look_for_conflicts=self.watching_conflicts,
            )
            position = self._moved(records, place, shown, outcome)
            counts = Counts.of(self.run)
            counts.add(outcome.counts)
            if self.plan is None and planned.too_much(self.run, self.position, counts):
                self.plan = planned.beyond(self.run, self.position)
            if self.plan is not None:
                planned.note(self.plan, route, self.run, outcome, since=since, now=now)
                transaction.set_rollback(True)
            else:
                if self.comparing:
                    with database.cursor() as cursor:
                        deletes.remember(cursor, self.state, outcome.seen)
                self.fields.look(records)
                self.state.position, self.state.arrivals = position.stored(), self.fields.arrivals
                self.state.save(update_fields=["position", "arrivals"])
                self._save_counts(counts)
        if self.plan is not None:
            planned.keep(self.plan, route, self.run, outcome.seen, comparing=self.comparing)
        else:
            counts.put_on(self.run)
        self.position = position
        self.watching_quarantine = self.watching_quarantine or counts.quarantined > 0
        self.watching_conflicts = self.watching_conflicts or counts.conflicts > 0

    def _moved(self, records: list[Any], place: dict[str, Any], shown: int, outcome: Outcome) -> Position:
        position, cursor = self.position, self.route.resource.cursor
        seen = newest(cursor, records, position.newest, position.began) if cursor else None
        return dataclasses.replace(
            position,
            place=place,
            newest=seen,
            count=position.count + shown,
            doubtful=position.doubtful or outcome.keyless > 0,
            undated=position.undated + outcome.undated,
        )

    def _hold(self) -> None:
        """Everything that may have changed under us since the last batch, locked and looked at; and whose changes follow."""
        if self.work:
            self.work.fence()
        origins.speak(origins.of_connection(self.route.connection.pk), self.run.pk)
        if not self.run.plan_only:
            self.state = positions.locked(self.state)
        (now,) = SyncRun.objects.select_for_update(no_key=True).filter(pk=self.run.pk).values_list("state", flat=True)
        if now == SyncRun.State.CANCELLED:
            raise Cancelled
        if not self.run.plan_only:
            positions.confirm(self.state, self.position)

    def _save_counts(self, counts: Counts) -> None:
        moved = pace.after(self.run, counts.total, timezone.now())
        SyncRun.objects.filter(pk=self.run.pk).update(
            **dataclasses.asdict(counts), fetched=counts.total, total=self.run.total, pages=self.run.pages, **moved
        )

    # --- ending -------------------------------------------------------------------------------------------------------

    def _compare(self) -> None:
        if self.position.doubtful or self.position.short:
            self.messages.append("Not everything was seen, so nothing was taken as deleted.")
        else:
            most = partial(planned.room, self.run)
            deleted, message = deletes.compare(
                self.route, self.state, self.position.began, approved=self.run.approved, most=most
            )
            self.run.deleted += deleted
            self.braked = bool(message)
            if self.braked:
                self.run.plan = planned.of_deletes(self.route, self.run, self.state, self.position)
            self.messages += [message] if message else []
            reviews.forget_unseen(self.route, self.state, self.position.began)
            self._answered()
        deletes.forget(self.state)

    def _bury(self) -> None:
        """What the vendor's list of deletions named is gone, and the list is read on from there; unless it is too much."""
        if self.buried is None:
            return
        gone = tombstones.named(self.route, self.buried)
        most = partial(planned.room, self.run)
        deleted, message = tombstones.bury(self.route, gone, approved=self.run.approved, most=most)
        self.run.deleted += deleted
        if message:
            self.braked = True
            self.messages.append(message)
            self.run.plan = planned.of_named(self.route, self.run, self.position, gone)
        else:
            self.state.deletions_cursor = self.buried.cursor
            self._answered()

    def _answered(self) -> None:
        """Deletes that an older run wanted a person for are this run's to do, or to ask for again."""
        older = SyncRun.objects.filter(connection=self.route.connection, resource=self.run.resource)
        older.filter(state=SyncRun.State.PLANNED, plan_only=False).update(state=SyncRun.State.SUCCEEDED)

    def _finish_plan(self, plan: plans.Plan) -> None:
        with transaction.atomic():
            self._hold()
            if self._wrote:
                self._follow()  # before the limit was met
            self.messages += planned.conclude(plan, self.route, self.run, self.state, self.position, buried=self.buried)
            self._close(SyncRun.State.PLANNED)
            if self.work:
                self.work.complete()

    @property
    def _wrote(self) -> bool:
        return not self.run.plan_only and bool(self.run.created or self.run.updated)

    def _follow(self) -> None:
        ending.follow(self.route.connection, [self.route.resource], changed=self._wrote)

    def _close(self, state: str) -> None:
        run = self.run
        run.state, run.finished_at = state, timezone.now()
        run.message = " ".join([self._summary(), *self.messages])
        run.save(update_fields=["state", "finished_at", "message", "deleted", "plan", "pages"])

    def _hand_over(self) -> None:
        """Reading is over; the run goes on."""
        self.run.read_said = " ".join([self._summary(), *self.messages])
        self.run.save(update_fields=["read_said", "deleted"])

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
        parts += [f"{run.held:,} held as possible duplicates"] if run.held else []
        read = f"{run.fetched:,} read: {', '.join(parts)}." if parts else "Nothing new."
        return " ".join([read, *conflicts.sentences(run.conflicts, self.position.undated)])
