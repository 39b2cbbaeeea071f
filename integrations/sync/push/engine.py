"""The second half of a two-way run: what changed here is sent, call by call, each pinned before it leaves."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from integrations.changes import origins
from integrations.http import Door
from integrations.provider import AuthExpired, Permanent, RateLimited, Temporary
from integrations.sync import positions
from integrations.sync.ahead import TurnOver
from integrations.sync.apply import apply
from integrations.sync.batch import Route
from integrations.sync.models import ResourceState, SyncRun
from integrations.sync.pull import TURN_SECONDS, Cancelled, Fence, Progress
from integrations.sync.words import Words

from . import calls, outbox, plan, prepare, settle, stage, unknown
from .calls import CREATE, Outcome, Turned
from .models import OutboundWrite
from .outbox import State

# The vendor's word about what was sent, not about who sends it.
ABOUT_THE_RECORD = (None, 400, 404, 406, 409, 410, 412, 413, 415, 422)
CONTRADICTS = 409


@dataclasses.dataclass(kw_only=True)
class Push:
    """A run that sends. `reread`: each record is read again before it is changed, because nothing was read in this run."""

    route: Route
    run: SyncRun
    state: ResourceState
    words: Words
    reread: bool = False
    work: Fence | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        self.deleted = 0
        self.turn_began = time.monotonic()

    def clear_up(self, door: Door) -> None:
        """What an earlier attempt left without knowing what came of it; before anything is read, or what was created there
        would be taken for new. Raises as `send`."""
        for writes in unknown.left_open(self.route):
            found = unknown.look(door, self.route, writes)
            self._write_down(found.landed, [calls.Taken(record) for record in found.records])
            if found.again:
                with transaction.atomic():
                    self._hold()
                    prepare.mark_sending(self.run, found.again)
                self._call(door, found.again)
            self._make_room()

    def send(self, door: Door) -> None:
        """Everything that is to be sent, and the end of the run. Raises ProviderErrors, Cancelled, and with a job LeaseLost
        and TurnOver."""
        self._wake()
        more = True
        while more and self.state.sends:
            with transaction.atomic():
                self._hold()
                staged = stage.stage(self.route, self.state)
            more, self.deleted = staged.more, self.deleted + staged.deleted
            if self.state.trusted:
                self._deliver(door)
            if more:
                self._make_room()
        with transaction.atomic():
            self._hold()
            asked = plan.question(self.route, self.state, self.words)
        if asked:
            self._finish(asked)
            return
        self._deliver(door)
        self._finish()

    # --- one call after the other -----------------------------------------------------------------------------------------

    def _deliver(self, door: Door) -> None:
        write = self.route.resource.write
        size = write.batch if write else 1
        sizes = {
            "creates": size if calls.many(self.route, CREATE) else 1,
            "updates": size if calls.many(self.route, OutboundWrite.Op.UPDATE) else 1,
        }
        while self.state.sends and (
            chosen := outbox.following(self.route.connection, self.route.resource.name, **sizes)
        ):
            if pinned := self._pinned(door, chosen):
                self._call(door, pinned)
            self._make_room()

    def _pinned(self, door: Door, chosen: list[OutboundWrite]) -> list[OutboundWrite]:
        if self.reread and not chosen[0].call:
            chosen = self._read_again(door, chosen)
        with transaction.atomic():
            self._hold()
            if chosen and chosen[0].call:
                prepare.mark_sending(self.run, chosen)
                return chosen
            pinned = prepare.pin(self.route, self.run, chosen, self.words)
            self._count(refused=sum(one.state == State.REFUSED for one in chosen))
            return pinned

    def _call(self, door: Door, writes: list[OutboundWrite]) -> None:
        self._write_down(writes, self._outcomes(door, writes))

    def _outcomes(self, door: Door, writes: list[OutboundWrite]) -> list[Outcome] | None:
        """What came of each; None where they are to go one by one, because the vendor refused them together."""
        try:
            return calls.send(door, self.route, writes, self.words)
        except Temporary as error:
            self._leave(writes, State.UNKNOWN, str(error))
            raise
        except (RateLimited, AuthExpired) as error:
            self._leave(writes, State.READY, str(error))
            raise
        except Permanent as error:
            if error.status == CONTRADICTS and writes[0].attempts > 1:
                # The first attempt may still be under way there.
                self._leave(writes, State.UNKNOWN, str(error))
                raise Temporary(str(error), outcome_unknown=True) from error
            if error.status not in ABOUT_THE_RECORD:
                self._leave(writes, State.READY, str(error))
                raise
            return [Turned(str(error))] if len(writes) == 1 else None

    def _write_down(self, writes: Sequence[OutboundWrite], outcomes: Sequence[Outcome] | None) -> None:
        """A run that was stopped meanwhile still says what it has done."""
        with transaction.atomic():
            self._lock()
            if outcomes is None:
                pks = [one.pk for one in writes]
                OutboundWrite.objects.filter(pk__in=pks).update(
                    state=State.READY, alone=True, call="", body="", said=None
                )
                return
            settled = settle.settle(self.route, self.run, writes, outcomes)
            self._count(sent=settled.sent, refused=settled.refused)
        if self.progress:
            self.progress(self.run)

    def _leave(self, writes: Sequence[OutboundWrite], state: str, why: str) -> None:
        """As they are, for the next attempt."""
        with transaction.atomic():
            self._lock()
            OutboundWrite.objects.filter(pk__in=[one.pk for one in writes]).update(state=state, answer=why)

    # --- before -----------------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        """What waits for another record is looked at again in every run; what was found meanwhile is no longer doubtful."""
        with transaction.atomic():
            self._hold()
            found = unknown.linked_since(self.route)
            outbox.close(found, State.DONE, ["It was there when its kind was read." for _ in found])
            with database.cursor() as cursor:
                stage.compare(cursor, self.route, [one.record_id for one in found], creates=False)
            waiting = outbox.of(self.route.connection, self.route.resource.name).filter(state=State.WAITING)
            waiting.update(state=State.READY, answer="")

    def _read_again(self, door: Door, chosen: list[OutboundWrite]) -> list[OutboundWrite]:
        """What is there now is taken over first. What is gone there is not sent."""
        if self.route.resource.one is None or chosen[0].op == CREATE:
            return chosen
        read = [(write, calls.one(door, self.route, write.external_id)) for write in chosen]
        gone = [write for write, record in read if record is None]
        with transaction.atomic():
            self._hold()
            for write, record in read:
                if record is not None:
                    parent = write.external_id.partition("/")[0] if self.route.resource.within else None
                    apply(dataclasses.replace(self.route, parent=parent), [record], timezone.now(), run_id=self.run.pk)
            said = f"{self.words.provider} does not have this record any more."
            outbox.close(gone, State.REFUSED, [said for _ in gone])
            self._count(refused=len(gone))
        return [write for write, record in read if record is not None]

    # --- holding and ending -----------------------------------------------------------------------------------------------

    def _lock(self) -> None:
        if self.work:
            self.work.fence()
        origins.speak(origins.of_connection(self.route.connection.pk), self.run.pk)
        self.state = positions.locked(self.state)

    def _hold(self) -> None:
        """Everything that may have changed under us since the last call, locked and looked at; and whose changes follow."""
        self._lock()
        (now,) = SyncRun.objects.select_for_update(no_key=True).filter(pk=self.run.pk).values_list("state", flat=True)
        if now == SyncRun.State.CANCELLED:
            raise Cancelled

    def _count(self, *, sent: int = 0, refused: int = 0) -> None:
        self.run.sent, self.run.refused = self.run.sent + sent, self.run.refused + refused
        SyncRun.objects.filter(pk=self.run.pk).update(
            sent=self.run.sent, refused=self.run.refused, progress_at=timezone.now()
        )

    def _make_room(self) -> None:
        if self.work and time.monotonic() - self.turn_began > TURN_SECONDS:
            raise TurnOver

    def _finish(self, asked: plan.Question | None = None) -> None:
        """The run is over, and its job with it."""
        with transaction.atomic():
            self._hold()
            run = self.run
            if asked is None:
                ResourceState.objects.filter(pk=self.state.pk).update(trusted=True)
            run.send_plan = asked.sentence if asked and asked.first else ""
            run.state, run.finished_at = self._ended(asked), timezone.now()
            run.message = " ".join(filter(None, [run.read_said, asked.sentence if asked else self._summary()]))
            run.save(update_fields=["state", "finished_at", "message", "send_plan"])
            if self.work:
                self.work.complete()

    def _ended(self, asked: plan.Question | None) -> str:
        if asked and asked.first:
            return SyncRun.State.PLANNED
        return SyncRun.State.PARTIAL if self.run.quarantined or self.run.refused else SyncRun.State.SUCCEEDED

    def _summary(self) -> str:
        """`12 sent, 1 refused, 2 wait for another record.`"""
        rows = outbox.of(self.route.connection, self.route.resource.name)
        parts = [f"{self.run.sent:,} sent"] if self.run.sent else []
        parts += [f"{self.run.refused:,} refused"] if self.run.refused else []
        if waiting := rows.filter(state=State.WAITING).count():
            parts.append(f"{waiting:,} wait for another record")
        if doubtful := rows.filter(state=State.UNKNOWN).count():
            parts.append(f"{doubtful:,} of which nobody knows whether they arrived")
        said = [f"{', '.join(parts)}."] if parts else ["Nothing to send."]
        if self.deleted:
            said.append(f"{self.deleted:,} deleted here stay at {self.words.provider}: a sync deletes nothing there.")
        return " ".join(said)
