"""Full, unchanged and incremental pulls: the engine beside the physical limit, on the same machine in the same minute.

    python bench/pull.py [--count 100000] [--port 9610] [--server postgres://root@127.0.0.1:5432]

Makes and drops the database `chapterhouse_bench` on that server. Only ratios within one run mean anything.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

import psycopg

HERE = Path(__file__).resolve().parent
NAME = "chapterhouse_bench"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--port", type=int, default=9610)
    parser.add_argument("--server", default="postgres://root@127.0.0.1:5432")
    given = parser.parse_args()
    url, dsn = f"http://127.0.0.1:{given.port}", f"{given.server}/{NAME}"
    vendor = subprocess.Popen(
        [sys.executable, str(HERE / "vendor_stub.py"), str(given.port), str(given.count)], stdout=subprocess.PIPE
    )
    try:
        vendor.stdout.readline()
        _database(given.server, f"CREATE DATABASE {NAME}")
        measure(dsn, url)
    finally:
        vendor.terminate()
        _database(given.server)


def measure(dsn: str, url: str) -> None:
    environment = os.environ | {"DATABASE_URL": dsn, "DJANGO_SETTINGS_MODULE": "config.settings.dev"}
    manage = [sys.executable, str(HERE.parent / "manage.py")]
    subprocess.run([*manage, "migrate_schemas", "--shared", "--verbosity=0"], env=environment, check=True)
    _run("engine_pull.py", env=environment)  # makes the chapter

    def limit(since: str = "") -> dict:
        return _run("limit.py", dsn, url, since)

    def engine(full: str = "") -> dict:
        return _run("engine_pull.py", url, full, env=environment)

    print(
        f"{'seconds':24}{'limit':>8}{'engine':>8}{'ratio':>7}{'CPU limit':>11}{'engine':>8}{'ratio':>7}{'rows':>8}{'RSS MB':>8}"
    )
    _show("full", limit(), engine())
    _show("again, nothing changed", limit(), engine("full"))
    urlopen(Request(f"{url}/mutate?pct=1", method="POST")).read()
    _show("again, 1 % changed", limit(), engine("full"))
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 2))
    urlopen(Request(f"{url}/mutate?pct=1", method="POST")).read()
    last = engine()
    _show("incremental, 1 %", limit(since), last)
    _show("incremental, nothing new", limit("2099-01-01T00:00:00Z"), engine())
    count = int(last["seen"] and _count(dsn))
    print(
        "bytes per record:",
        ", ".join(f"{name} {size // count}" for name, size in zip(("row", "link"), last["bytes"], strict=True)),
    )


def _run(script: str, *arguments: str, env: dict | None = None) -> dict:
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments], env=env, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {}


def _show(name: str, limit: dict, engine: dict) -> None:
    """CPU is that of the client and of its database process: what a busy machine distorts less."""
    pairs = [(limit[what], engine[what]) for what in ("seconds", "cpu")]
    (a, b), (c, d) = pairs
    numbers = f"{a:8.2f}{b:8.2f}{b / a:7.2f}{c:11.2f}{d:8.2f}{d / max(c, 0.01):7.2f}"
    print(f"{name:24}{numbers}{engine['changed']:8}{engine['rss']:8}", flush=True)


def _count(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        return connection.execute("SELECT count(*) FROM c_bench.finance_party").fetchone()[0]


def _database(server: str, *statements: str) -> None:
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        for statement in statements:
            connection.execute(statement)


if __name__ == "__main__":
    main()
