"""Every scenario at full volume, by name. Each is given a folder, the chapters by slug and a seed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from integrations.hub.models import Chapter

from . import crashes
from .answers import Misanswering
from .audit import Findings
from .kills import Killing
from .outcome import Outcome
from .records import Size
from .stage import stage

ROOT = Path(__file__).resolve().parents[2]
Scenario = Callable[[Path, Mapping[str, Chapter], int], Outcome]


def kill_workers(folder: Path, chapters: Mapping[str, Chapter], seed: int) -> Outcome:
    """A hundred workers killed in the middle of syncs."""
    with stage(folder, chapters, Size(contacts=800, invoices=240, tags=100)) as found:
        return Killing(found, kills=100, per_round=8, seed=seed).run()


def crash_the_server(folder: Path, chapters: Mapping[str, Chapter], seed: int) -> Outcome:
    """PostgreSQL crashed five times, in a process and on a server of its own."""
    done = crashes.played(5, seed)
    return Outcome(findings=Findings(**done["findings"]), figures=done["figures"])


def answer_badly(folder: Path, chapters: Mapping[str, Chapter], seed: int) -> Outcome:
    """Twenty rounds of a vendor three of whose ten answers go wrong."""
    with stage(folder, chapters, Size(contacts=400, invoices=160, tags=100, nameless=False), delay=0.005) as found:
        return Misanswering(found, rounds=20, rate=0.3, seed=seed).run()


@dataclass(frozen=True)
class Elsewhere:
    """A test that stands with what it tests, at full volume: `told` are the variables it listens to, `kills` what each of its
    cases kills."""

    file: str
    which: str
    kills: int = 0
    told: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, folder: Path, chapters: Mapping[str, Chapter], seed: int) -> Outcome:
        parts = urlsplit(os.environ["DATABASE_URL"])
        beside = urlunsplit(parts._replace(path=f"{parts.path}_elsewhere"))
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-p",
                "no:cacheprovider",
                "--create-db",
                self.file,
                "-k",
                self.which,
                "--hypothesis-profile=default",
                f"--hypothesis-seed={seed}",
            ],
            cwd=ROOT,
            env={**os.environ, **self.told, "DATABASE_URL": beside},
            capture_output=True,
            text=True,
            check=False,
        )
        passed = re.search(r"(\d+) passed", done.stdout)
        found = Findings(other=[done.stdout[-3000:]]) if done.returncode or not passed else Findings()
        return Outcome(kills=self.kills * int(passed[1]) if passed else 0, findings=found)


# Two ways in which vendors recognise a repetition: two hundred kills.
PUSHES = Elsewhere("tests/sync/push/test_once.py", "killed_between", 100, {"PUSH_KILLS": "100"})
UNDOS = Elsewhere("tests/sync/test_undo.py", "killed_in_the_middle", 1)
# Between two batches, inside one, and in the transaction that ends it.
RETRIES = Elsewhere("tests/sync/test_retry.py", "killed_in_the_middle", 1)
EDITS = Elsewhere("tests/sync/push/test_both_sides.py", "both_sides_end_equal", told={"STORIES_OF_EDITS": "60"})
SCENARIOS: dict[str, Scenario] = {
    "kills": kill_workers,
    "crashes": crash_the_server,
    "answers": answer_badly,
    "pushes": PUSHES,
    "undos": UNDOS,
    "retries": RETRIES,
    "edits": EDITS,
}
