"""How a connection or a run is doing, in words: the one place where their fields become a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from integrations.connections.models import Connection
from integrations.sync import pace
from integrations.sync.models import SyncRun

from . import words

Status, RunState = Connection.Status, SyncRun.State
ACTIVE = (RunState.QUEUED, RunState.RUNNING)


@dataclass(frozen=True, kw_only=True)
class State:
    """`tone`: good | busy | warn | bad | idle. `words` are followed by the time since or ago, where there is one."""

    tone: str
    words: str
    at: datetime | None = None
    counts_from: str = "ago"  # "ago" | "since"

    @property
    def needs_attention(self) -> bool:
        return self.tone in {"warn", "bad"}

    def sentence(self) -> str:
        """The words and the time, where there is no room for more than text."""
        if self.at is None:
            return self.words
        told = words.since if self.counts_from == "since" else words.ago
        return f"{self.words} {told(self.at, timezone.now())}"


def connection_state(
    connection: Connection,
    *,
    running: bool,
    waiting: bool,
    failing: bool,
    set_aside: int,
    has_credential: bool,
    undecided: int = 0,
    drifting: bool = False,
) -> State:
    """The most urgent thing to say. `waiting`: a plan waits for a person; `failing`: a resource's last read failed;
    `set_aside`: records a person must look at, `undecided`: fields a person must decide; `drifting`: the vendor no longer
    sends what it did."""
    since = {"at": connection.status_since, "counts_from": "since"}
    if connection.status == Status.EXPIRED:
        return State(tone="bad", words="Reconnect needed since", **since)
    if connection.status == Status.ERROR:
        return State(tone="bad", words="Needs attention since", **since)
    if connection.status == Status.DISCONNECTED:
        if has_credential:
            return State(tone="warn", words="Waiting for you to choose the account")
        if connection.connected_at is None:
            return State(tone="idle", words="Sign-in not finished")
        return State(tone="idle", words="Disconnected since", **since)
    if running:
        return State(tone="busy", words="Syncing now")
    if waiting:
        return State(tone="warn", words="Waiting for your approval")
    if failing:
        before = ", before that" if connection.last_sync_at else ""
        return State(tone="warn", words=f"Last sync failed{before}", at=connection.last_sync_at)
    if connection.last_sync_at is None:
        return State(tone="good", words="Connected, not synced yet")
    said = _left_to_do(set_aside=set_aside, undecided=undecided, drifting=drifting)
    if said:
        return State(tone="warn", words=f"{said}, synced", at=connection.last_sync_at)
    return State(tone="good", words="Synced", at=connection.last_sync_at)


def _left_to_do(*, set_aside: int, undecided: int, drifting: bool) -> str:
    if drifting:
        return "Something no longer arrives"
    if set_aside:
        return f"{words.count(set_aside, 'record')} set aside"
    return f"{words.count(undecided, 'conflict')} to decide" if undecided else ""


def run_state(run: SyncRun) -> State:
    if pace.progress(run, timezone.now()).phase == "waiting":
        return State(tone="warn", words=pace.sentence(run, timezone.now()).rstrip("."))
    said = {
        RunState.QUEUED: ("busy", "Waiting to start, asked for", run.created_at),
        RunState.RUNNING: ("busy", "Running, started" if run.started_at else "Running", run.started_at),
        RunState.PLANNED: ("warn", "Waiting for approval, planned", run.finished_at or run.progress_at),
        RunState.SUCCEEDED: ("good", "Finished", run.finished_at),
        RunState.PARTIAL: ("warn", "Finished in part", run.finished_at),
        RunState.FAILED: ("bad", "Failed", run.finished_at),
        RunState.CANCELLED: ("idle", "Cancelled", run.finished_at),
    }
    tone, sentence, at = said[RunState(run.state)]
    return State(tone=tone, words=sentence, at=at)


def progress_sentence(run: SyncRun) -> str:
    """What is said aloud while a run goes on: in steps of ten per cent, so that a listener is not talked over."""
    if run.state == RunState.QUEUED:
        return "Waiting to start."
    if run.state == RunState.RUNNING:
        if pace.progress(run, timezone.now()).phase == "waiting":
            return pace.sentence(run, timezone.now())
        if not run.total:
            return "Running."
        return f"Running: about {min(90, run.fetched * 10 // run.total * 10)} per cent read."
    return {
        RunState.PLANNED: "Planned. It waits for approval.",
        RunState.SUCCEEDED: "Finished.",
        RunState.PARTIAL: "Finished. Some records were left as they are."
        if run.kind == SyncRun.Kind.UNDO
        else f"Finished. {words.count(run.quarantined, 'record')} set aside.",
        RunState.FAILED: "Failed.",
        RunState.CANCELLED: "Cancelled.",
    }[RunState(run.state)]
