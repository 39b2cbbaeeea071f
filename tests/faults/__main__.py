"""The long form of the fault scenarios: `make faults`, or `python -m tests.faults [SCENARIO ...] [--seed N]`.

On the PostgreSQL that DATABASE_URL names (in a database of its own, made and dropped), or on an embedded one. The last line says
how many workers were killed and what came of it; anything but zeros behind that ends with exit code 1.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import django

from integrations import embedded

Scenario = Callable[[Path, Mapping[str, Any], int], Any]


def main() -> int:
    asked = _asked()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, _database(Path(folder)):
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
        django.setup()
        return _run(Path(folder), asked.scenarios, asked.seed)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.splitlines()[0])
    parser.add_argument("scenarios", nargs="*", help="which; all when none is named")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000, help="of everything random")
    return parser.parse_args()


@contextmanager
def _database(folder: Path) -> Iterator[None]:
    if url := os.environ.get("DATABASE_URL"):
        parts = urlsplit(url)
        os.environ["DATABASE_URL"] = urlunsplit(parts._replace(path=f"{parts.path}_faults"))
        yield
        return
    with embedded.server(folder / "pgdata", throw_away=True) as made:
        os.environ["DATABASE_URL"] = made
        yield


def _run(folder: Path, names: list[str], seed: int) -> int:
    from django.test.utils import setup_databases, teardown_databases

    from tests.conftest import SLUGS, empty, make_chapters

    from .audit import Findings
    from .scenarios import SCENARIOS

    if unknown := set(names) - set(SCENARIOS):
        sys.exit(f"There is no scenario {', '.join(unknown)}: there are {', '.join(SCENARIOS)}.")
    made = setup_databases(verbosity=0, interactive=False)
    kills, found = 0, Findings()
    try:
        for name in names or list(SCENARIOS):
            _say(f"=== {name} (seed {seed})")
            began = time.monotonic()
            make_chapters()
            outcome = _play(SCENARIOS[name], folder / name, SLUGS, seed)
            empty()
            kills += outcome.kills
            found.add(outcome.findings)
            for what, figure in outcome.figures.items():
                _say(f"    {what}: {figure}")
            _say(f"    {time.monotonic() - began:.0f} s, {outcome.kills} kills")
            if outcome.findings:
                _say(str(outcome.findings))
    finally:
        teardown_databases(made, verbosity=0)
    if found.other:
        _say(f"And {len(found.other)} other findings, above.")
    _say(
        f"faults kills={kills} lost={len(found.lost)} duplicated={len(found.duplicated)}"
        f" half_batches={len(found.half_batches)}"
    )
    return 1 if found else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _play(scenario: Scenario, folder: Path, slugs: tuple[str, ...], seed: int) -> Any:
    from integrations.hub.models import Chapter

    from .audit import Findings
    from .kills import Outcome

    try:
        return scenario(folder, {one.slug: one for one in Chapter.objects.filter(slug__in=slugs)}, seed)
    except Exception as error:  # noqa: BLE001 whatever stops a scenario is its finding
        traceback.print_exc()
        return Outcome(findings=Findings(other=[f"did not end: {error}"]))


if __name__ == "__main__":
    sys.exit(main())
