"""How a connection or a run is doing, in words: the one place where their fields become a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from integrations.connections.models import Connection
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
    connection: Connection, *, running: bool, failing: bool, set_aside: int, has_credential: bool
) -> State:
    """The most urgent thing to say. `failing`: a resource's last read failed; `set_aside`: records a person must look at."""
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
    if failing:
        return (
            State(tone="warn", words="Last sync failed, before that", at=connection.last_sync_at)
            if (connection.last_sync_at)
            else State(tone="warn", words="Last sync failed")
        )
    if connection.last_sync_at is None:
        return State(tone="good", words="Connected, not synced yet")
    if set_aside:
        return State(
            tone="warn", words=f"{words.count(set_aside, 'record')} set aside, synced", at=connection.last_sync_at
        )
    return State(tone="good", words="Synced", at=connection.last_sync_at)


def run_state(run: SyncRun) -> State:
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
        if not run.total:
            return "Running."
        return f"Running: about {min(90, run.fetched * 10 // run.total * 10)} per cent read."
    return {
        RunState.PLANNED: "Planned. It waits for approval.",
        RunState.SUCCEEDED: "Finished.",
        RunState.PARTIAL: f"Finished. {words.count(run.quarantined, 'record')} set aside.",
        RunState.FAILED: "Failed.",
        RunState.CANCELLED: "Cancelled.",
    }[RunState(run.state)]
