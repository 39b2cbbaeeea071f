"""Workers are killed, and some only stopped for longer than their lease, while two chapters are synced: round after round, the
vendor's records changing in between."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection as database

from .outcome import Outcome, counted_once, look
from .stage import TICK_SECONDS, Stage, plain_connection

WORKERS = 7  # one more than there is to read at once
MOST_ATTEMPTS = 5  # of one job: the eighth would be its last
# What a worker is doing is looked at before it is killed: so many other moments are tried for one that is rarer.
TRIES = 10


@dataclass(frozen=True)
class Victim:
    pid: int
    job: int
    token: str
    chapter: str
    resource: str
    backend: int
    attempt: int


class Watcher(threading.Thread):
    """Sees from outside when a job that lost its worker is gone on with."""

    def __init__(self) -> None:
        super().__init__(name="watcher", daemon=True)
        self.lock, self.over = threading.Lock(), threading.Event()
        self.waiting: dict[tuple[int, str], float] = {}
        self.took: list[float] = []

    def lost(self, victim: Victim) -> None:
        with self.lock:
            self.waiting[victim.job, victim.token] = time.monotonic()

    def run(self) -> None:
        with plain_connection() as own:
            while not self.over.wait(0.02):
                jobs = {
                    row[0]: row[1:] for row in own.execute("SELECT id, state, lease_token::text FROM public.hub_job")
                }
                now = time.monotonic()
                with self.lock:
                    for key in list(self.waiting):
                        state, token = jobs.get(key[0], ("done", ""))
                        if state == "done" or (state == "running" and token != key[1]):
                            self.took.append(now - self.waiting.pop(key))


class Killing:
    """One scenario under way. Every fifth victim is stopped and goes on after its lease has ended: what it then writes must be
    refused."""

    def __init__(self, stage: Stage, kills: int, per_round: int, seed: int) -> None:
        self.stage, self.kills, self.per_round = stage, kills, per_round
        self.random = random.Random(seed)
        self.outcome, self.stages, self.stopped = Outcome(), Counter[str](), 0
        self.asleep: list[tuple[float, Victim]] = []
        self.watcher = Watcher()
        self.looks, self.woken = 0, 0

    def run(self) -> Outcome:
        self.stage.workers(WORKERS)
        self.watcher.start()
        try:
            while self.outcome.kills < self.kills:
                self._round()
                self.stage.next_round()
            self.stage.request()  # and once in peace
            self._rest()
        finally:
            self.watcher.over.set()
            self.watcher.join()
        self._figures()
        return self.outcome

    def _round(self) -> None:
        full = self.stage.round % 4 == 3
        before = self.stage.cursors()
        self.stage.request(full=full)
        until = min(self.outcome.kills + self.per_round, self.kills)
        while self.outcome.kills < until and self.stage.unfinished():
            self._wake()
            time.sleep(self.random.uniform(0, 0.25))
            self._strike()
        self._rest()
        self.outcome.findings.add(counted_once(self.stage, before, full=full))

    def _strike(self) -> None:
        """One worker less, if there is one at work. What it would leave is looked at in every moment that is tried."""
        for attempt in range(TRIES):
            victim = self._victim()
            if victim is None:
                return
            doing = _stop_and_look(victim)
            if doing is None:
                continue
            if doing != OUTSIDE:  # between two transactions there is nothing another look has not seen
                self.look()
            if attempt < TRIES - 1 and self.stages[doing] > (sum(self.stages.values()) + 4) / 4:
                os.kill(victim.pid, signal.SIGCONT)  # that has been hit often enough
                time.sleep(self.random.uniform(0, 0.02))
            elif (self.outcome.kills + self.stopped) % 5 == 2:
                self.stopped += 1
                self.asleep.append((time.monotonic() + self.stage.lease + TICK_SECONDS + 0.5, victim))
                return
            else:
                os.kill(victim.pid, signal.SIGKILL)
                self.outcome.kills += 1
                self.stages[doing] += 1
                self.watcher.lost(victim)
                (self.stage.notes / str(victim.pid)).unlink(missing_ok=True)
                self.look()
                return

    def _victim(self) -> Victim | None:
        found = [one for one in self._at_work() if one.attempt < MOST_ATTEMPTS]
        return self.random.choice(sorted(found, key=lambda one: one.pid)) if found else None

    def _at_work(self) -> list[Victim]:
        asleep = {one.pid for _, one in self.asleep}
        notes = [note for note in self.stage.notes.iterdir() if note.suffix == "" and int(note.name) not in asleep]
        return [victim for note in notes if (victim := _read(note))]

    def _wake(self) -> None:
        now = time.monotonic()
        for until, sleeper in list(self.asleep):
            if now > until:
                self._wake_up(sleeper)
                self.asleep.remove((until, sleeper))

    def _wake_up(self, sleeper: Victim) -> None:
        """It goes on with what is somebody else's by now, or done: nothing of that may be kept. The other one stands still
        meanwhile, so that whatever is written is the sleeper's."""
        others = [one for one in self._at_work() if one.job == sleeper.job]
        standing = [one for one in others if _stop_between_transactions(one)]
        if others != standing or _holds(sleeper):
            os.kill(sleeper.pid, signal.SIGCONT)  # it is still its own, or cannot be told apart
        else:
            before = self._written(sleeper)
            os.kill(sleeper.pid, signal.SIGCONT)
            _until_it_lets_go(self.stage.notes / str(sleeper.pid), sleeper)
            self.woken += 1
            if self._written(sleeper) != before:
                self.outcome.findings.duplicated.append(
                    f"{sleeper.chapter}: a worker that had lost its lease went on writing {sleeper.resource}"
                )
        for one in standing:
            os.kill(one.pid, signal.SIGCONT)

    def _written(self, sleeper: Victim) -> Any:
        """Changes with whatever is written of that resource: the versions of its rows."""
        schema = self.stage.chapters[sleeper.chapter].schema_name
        with database.cursor() as cursor:
            cursor.execute(
                f"SELECT array_agg(xmin::text ORDER BY id) FROM {schema}.integrations_resourcestate WHERE resource = %s"
                f" UNION ALL SELECT array_agg(xmin::text ORDER BY id) FROM {schema}.integrations_syncrun WHERE resource = %s",
                [sleeper.resource, sleeper.resource],
            )
            return cursor.fetchall()

    def _rest(self) -> None:
        self.stage.until_read(meanwhile=self._wake)
        self.stage.until(lambda: not self.asleep, "whoever slept is awake", meanwhile=self._wake)
        time.sleep(0.3)  # whoever woke up last may still try to write
        self.look(at_rest=True)

    def look(self, *, at_rest: bool = False) -> None:
        self.looks += 1
        self.outcome.findings.add(look(self.stage, at_rest=at_rest))

    def _figures(self) -> None:
        took = sorted(self.watcher.took)
        late = [one for one in took if one > 2 * self.stage.lease]
        self.outcome.figures = {
            "rounds": self.stage.round,
            "looks at the database": self.looks,
            "stopped for longer than a lease": self.stopped,
            "of these, refused what they went on to write": self.woken,
            "hit while": dict(self.stages.most_common()),
            "lease, seconds": self.stage.lease,
            "gone on with after, seconds: half of them, the longest": (
                [round(took[len(took) // 2], 2), round(took[-1], 2)] if took else []
            ),
            "later than two leases": len(late),
            "never gone on with": len(self.watcher.waiting),
        }
        if self.watcher.waiting:
            self.outcome.findings.other.append(f"{len(self.watcher.waiting)} jobs were never gone on with")


def _read(note: Path) -> Victim | None:
    with suppress(FileNotFoundError, ValueError):
        return Victim(pid=int(note.name), **json.loads(note.read_text()))
    return None


def _stop_and_look(victim: Victim) -> str | None:
    """The worker stands still; what it is doing. None where it is gone or at something else by now."""
    with suppress(ProcessLookupError):
        os.kill(victim.pid, signal.SIGSTOP)
        with database.cursor() as cursor:
            cursor.execute(
                "SELECT xact_start IS NOT NULL, state, query FROM pg_stat_activity WHERE pid = %s", [victim.backend]
            )
            found = cursor.fetchone()
            cursor.execute(
                "SELECT FROM hub_job WHERE id = %s AND state = 'running' AND lease_token = %s",
                [victim.job, victim.token],
            )
            if found and cursor.fetchone() is not None:
                return _doing(*found)
        os.kill(victim.pid, signal.SIGCONT)
    return None


def _stop_between_transactions(victim: Victim) -> bool:
    """So that it holds no lock another would wait for."""
    for _ in range(50):
        doing = _stop_and_look(victim)
        if doing == OUTSIDE:
            return True
        if doing is not None:
            os.kill(victim.pid, signal.SIGCONT)
        time.sleep(0.005)
    return False


def _holds(victim: Victim) -> bool:
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT FROM hub_job WHERE id = %s AND lease_token = %s AND state = 'running'", [victim.job, victim.token]
        )
        return cursor.fetchone() is not None


def _until_it_lets_go(note: Path, victim: Victim) -> None:
    ends = time.monotonic() + 2
    while time.monotonic() < ends and (known := _read(note)) and known.token == victim.token:
        time.sleep(0.02)


OUTSIDE = "asking the vendor"
# The first that stands in the statement; the last statement of an open transaction, or the one under way.
_DOING = (
    ("COMMIT", "committing"),
    ("integrations_resourcestate", "looking at or saving the place"),
    ("integrations_syncrun", "looking at or saving the counts"),
    ("hub_job", "fencing or completing the job"),
    ("integrations_seenkey", "remembering what was shown"),
    ("integrations_recordlink", "reading or writing links"),
    ("integrations_quarantinedrecord", "setting records aside"),
    ("finance_", "reading or writing rows"),
    ("members_", "reading or writing rows"),
)


def _doing(in_transaction: bool, state: str, query: str) -> str:
    if not in_transaction:
        return OUTSIDE
    return next((words for sign, words in _DOING if sign in query), "between two statements of a transaction")
