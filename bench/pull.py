"""Full, unchanged and incremental pulls: the engine beside the physical limit and beside dlt, on the same machine in the same
minutes. `make bench-pull`, or

    python bench/pull.py [--records 100000] [--rounds 3] [--port 9610] [--server postgres://root@127.0.0.1:5432]
                         [--dlt PYTHON] [--sample 2000]

Every measurement is a process of its own, from its start to its end; the engine's is `manage.py sync`, the command of
production. Makes and drops databases `chapterhouse_bench*` on that server. Only ratios within one run mean anything.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request, urlopen

import psycopg

HERE = Path(__file__).resolve().parent
NAME, TEMPLATE, PLAIN = "chapterhouse_bench", "chapterhouse_bench_made", "chapterhouse_bench_limit"
SCENARIOS = ("full", "unchanged", "incremental")
STORED = ("finance_party", "integrations_recordlink", "integrations_change", "integrations_changeset")


@dataclass
class Spent:
    """Of one process: seconds on the clock and of processor, most memory it ever held, and the last line it printed."""

    seconds: float
    cpu: float
    rss: int
    said: str


@dataclass
class Bench:
    """One run of everything. `figures`: (who, scenario) -> what each round spent."""

    server: str
    url: str
    records: int
    dlt: str
    figures: dict[tuple[str, str], list[Spent]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "DATABASE_URL": f"{self.server}/{NAME}",
            "DJANGO_SETTINGS_MODULE": "bench.settings",
            "BENCH_VENDOR": self.url,
        }

    def prepare(self) -> None:
        """A database with the chapter in it, which every round copies; and our modules compiled, as in the image and as the
        peer's are."""
        rooms = ("config", "integrations", "providers", "members", "finance", "bench")
        subprocess.run([sys.executable, "-m", "compileall", "-q", *rooms], cwd=HERE.parent, check=True)
        self.renew({NAME: "template0", PLAIN: "template0"})
        done = run([sys.executable, str(HERE / "prepare.py")], self.environment)
        self.renew({TEMPLATE: NAME})
        print(f"The chapter was made in {done.seconds:.1f} s.", flush=True)

    def renew(self, databases: dict[str, str]) -> None:
        with psycopg.connect(f"{self.server}/postgres", autocommit=True) as connection:
            for name, template in databases.items():
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
                connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
            connection.execute("CHECKPOINT")

    def forget(self) -> None:
        with psycopg.connect(f"{self.server}/postgres", autocommit=True) as connection:
            for name in (NAME, TEMPLATE, PLAIN):
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def round(self) -> None:
        self.renew({NAME: TEMPLATE, PLAIN: "template0"})
        with tempfile.TemporaryDirectory(prefix="bench-dlt-") as folder:
            for scenario in SCENARIOS:
                since = ""
                if scenario == "incremental":
                    time.sleep(2)  # the cursor's resolution is the second
                    since = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())
                    urlopen(Request(f"{self.url}/mutate?pct=1", method="POST")).read()
                self.measure(
                    "limit",
                    scenario,
                    [sys.executable, str(HERE / "limit.py"), f"{self.server}/{PLAIN}", self.url, since],
                )
                self.measure("engine", scenario, self.engine(full=scenario != "incremental"))
                self.confirm(scenario)
                if self.dlt:
                    dlt = [self.dlt, str(HERE / "dlt_pull.py"), f"{self.server}/{PLAIN}", self.url, folder, since]
                    self.measure("dlt", scenario, [part for part in dlt if part])

    def engine(self, *, full: bool) -> list[str]:
        manage = [sys.executable, str(HERE.parent / "manage.py"), "sync", "bench", "bench", "contacts"]
        return [*manage, "--full"] if full else manage

    def measure(self, who: str, scenario: str, command: list[str]) -> None:
        spent = run(command, self.environment)
        self.figures.setdefault((who, scenario), []).append(spent)
        print(
            f"  {who:7}{scenario:12}{spent.seconds:7.2f} s{spent.cpu:7.2f} s CPU{spent.rss:5} MB  {spent.said}",
            flush=True,
        )

    def confirm(self, scenario: str) -> None:
        """A pull that did not do its work is no figure."""
        changed = self.records // 100
        wanted = {
            "full": {"created": self.records, "updated": 0, "unchanged": 0, "quarantined": 0},
            "unchanged": {"created": 0, "updated": 0, "unchanged": self.records, "quarantined": 0},
            "incremental": {
                "created": 0,
                "updated": changed,
                "quarantined": 0,
            },  # what the cursor overlaps is unchanged
        }[scenario]
        said = self.figures["engine", scenario][-1].said
        counts = dict(part.split("=") for part in said.split())
        if any(int(counts[name]) != number for name, number in wanted.items()):
            raise SystemExit(f"The engine said '{said}' instead of {wanted}.")

    def per_row(self, sample: int) -> float:
        """Seconds for all records, from those of a sample."""
        self.renew({NAME: TEMPLATE})
        done = run([sys.executable, str(HERE / "per_row.py"), self.url, str(sample)], self.environment)
        return json.loads(done.said)["seconds"] * self.records / sample

    def stored(self) -> dict[str, float]:
        """Bytes per record of what the last round left, indexes included."""
        with psycopg.connect(f"{self.server}/{NAME}") as connection:
            rows = connection.execute(
                "SELECT relname, pg_total_relation_size(oid) FROM pg_class"
                " WHERE relnamespace = 'c_bench'::regnamespace AND relname = ANY(%s)",
                [list(STORED)],
            ).fetchall()
        return {name: size / self.records for name, size in rows}

    def median(self, who: str, scenario: str, what: str = "seconds") -> float:
        return statistics.median(getattr(one, what) for one in self.figures[who, scenario])

    def ratio(self, who: str, scenario: str) -> float:
        """To the limit of the same round; the median of the rounds."""
        pairs = zip(self.figures[who, scenario], self.figures["limit", scenario], strict=True)
        return statistics.median(one.seconds / limit.seconds for one, limit in pairs)


def run(command: list[str], environment: dict[str, str]) -> Spent:
    began = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        printed = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        took = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}: {printed}")
    said = printed.strip().splitlines()
    return Spent(took, used.ru_utime + used.ru_stime, used.ru_maxrss // 1024, said[-1] if said else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--port", type=int, default=9610)
    parser.add_argument("--server", default="postgres://root@127.0.0.1:5432")
    parser.add_argument("--dlt", default="", help="a Python that has dlt; without it dlt is left out")
    parser.add_argument("--sample", type=int, default=2_000, help="records saved one by one; 0 leaves that out")
    given = parser.parse_args()
    bench = Bench(given.server, f"http://127.0.0.1:{given.port}", given.records, given.dlt)
    command = [sys.executable, str(HERE / "vendor_stub.py"), str(given.port), str(given.records)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as vendor:
        try:
            if not vendor.stdout.readline():
                raise SystemExit(f"The vendor could not start on port {given.port}.")
            bench.prepare()
            for number in range(1, given.rounds + 1):
                print(f"Round {number}", flush=True)
                bench.round()
            stored = bench.stored()
            report(bench, stored, bench.per_row(given.sample) if given.sample else 0.0)
        finally:
            vendor.terminate()
            bench.forget()


def report(bench: Bench, stored: dict[str, float], per_row: float) -> None:
    print(
        f"\n{bench.records:,} records; medians of {len(bench.figures['limit', 'full'])}; ratios to the limit of the same round"
    )
    print(f"{'':10}" + "".join(f"{name:>24}" for name in SCENARIOS) + f"{'MB':>8}")
    for who in dict.fromkeys(who for who, _ in bench.figures):
        cells = [f"{bench.median(who, one):12.2f} s {bench.ratio(who, one):6.2f} x" for one in SCENARIOS]
        most = max(spent.rss for (name, _), all_spent in bench.figures.items() if name == who for spent in all_spent)
        print(f"{who:10}" + "".join(f"{cell:>24}" for cell in cells) + f"{most:8}")
    if per_row:
        print(f"update_or_create, row by row: {per_row:.0f} s = {per_row / bench.median('limit', 'full'):.1f} x")
    parts = ", ".join(f"{name} {size:.0f}" for name, size in stored.items())
    print(f"bytes stored per record, indexes included: {sum(stored.values()):.0f} ({parts})")
    full, unchanged, incremental = (bench.ratio("engine", one) for one in SCENARIOS)
    rss = max(spent.rss for (who, _), all_spent in bench.figures.items() if who == "engine" for spent in all_spent)
    dlt = f"{bench.ratio('dlt', 'full'):.2f}" if bench.dlt else "none"
    print(f"pull full={full:.2f} unchanged={unchanged:.2f} incremental={incremental:.2f} rss_mb={rss} dlt_full={dlt}")


if __name__ == "__main__":
    main()
