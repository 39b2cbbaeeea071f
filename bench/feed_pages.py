"""What a person waits for in a chapter whose change feed is long: `make bench-feed`, or

    python bench/feed_pages.py [--rows 1000000] [--server postgres://root@127.0.0.1:5432]

Fills the feed of a chapter with runs of 5,000 changes to 100,000 records, one of them with a tenth of all changes, and asks
what its readers ask: a run's changes from the first page to the last, a record's history, what is new since a moment. Prints
the queries and the median of 20. Makes and drops the database `chapterhouse_bench`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

HERE = Path(__file__).resolve().parent
NAME = "chapterhouse_bench"
MOST_MS = 100
FILL = """
INSERT INTO integrations_changeset (id, xid, at, origin, run_id)
SELECT n, n, now() - make_interval(mins => %(sets)s - n), 'connection:' || md5('0')::uuid,
    CASE WHEN n > %(sets)s / 2 AND n <= %(sets)s * 6 / 10 THEN md5('big')::uuid ELSE md5(n::text)::uuid END
FROM generate_series(1, %(sets)s) n;
INSERT INTO integrations_change (changeset_id, aggregate_id, target, part, row_key, op, before, after)
SELECT 1 + n / 5000, md5((n %% %(records)s)::text)::uuid, 'finance.party', '', '',
    CASE WHEN n < %(records)s THEN 'insert' ELSE 'update' END,
    CASE WHEN n >= %(records)s THEN jsonb_build_object('phone', n - 1) END,
    CASE WHEN n >= %(records)s THEN jsonb_build_object('phone', n) END
FROM generate_series(0, %(rows)s - 1) n;
ANALYZE integrations_changeset, integrations_change;
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--server", default="postgres://root@127.0.0.1:5432")
    given = parser.parse_args()
    os.environ |= {"DATABASE_URL": f"{given.server}/{NAME}", "DJANGO_SETTINGS_MODULE": "bench.settings"}
    made(given.server)
    try:
        subprocess.run([sys.executable, str(HERE / "prepare.py")], check=True, stdout=subprocess.DEVNULL)
        slow = measure(given.rows)
    finally:
        made(given.server, again=False)
    sys.exit(1 if slow else 0)


def made(server: str, *, again: bool = True) -> None:
    import psycopg

    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        if again:
            connection.execute(f"CREATE DATABASE {NAME}")


def measure(rows: int) -> bool:
    """Whether anything took longer than it may."""
    import django

    django.setup()
    from django.db import connection

    from integrations import hub
    from integrations.changes import feed

    with hub.enter("bench"):
        began = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute(FILL, {"rows": rows, "sets": rows // 5000, "records": rows // 10})
            cursor.execute("SELECT max(id) FROM integrations_change")
            newest = cursor.fetchone()[0]
            cursor.execute("SELECT pg_total_relation_size('integrations_change') / %s", [rows])
            size = cursor.fetchone()[0]
        print(f"{rows:,} changes written in {time.perf_counter() - began:.0f} s, {size} bytes each with indexes")
        run, record = uuid("big"), uuid("7")
        first = feed.of_run(run, limit=1)[0].id
        asked: dict[str, Callable[[], Any]] = {
            "a run's changes, first page": lambda: feed.of_run(run),
            "a run's changes, page in the middle": lambda: feed.of_run(run, after=first + rows // 20),
            "a run's changes, last page": lambda: feed.of_run(run, after=first + rows // 10 - 51),
            "a small run's changes": lambda: feed.of_run(uuid("3")),
            "a record's history": lambda: feed.history("finance.party", record),
            "a record's history, older": lambda: feed.history("finance.party", record, before=newest // 2),
            "what is new, the last thousand": lambda: feed.read(feed.Position(rows // 5000, newest - 1000)),
            "what is new, from the beginning": lambda: feed.read(feed.START),
        }
        slowest = [show(name, ask) for name, ask in asked.items()]
    print(f"feed rows={rows} slowest_ms={max(slowest):.1f}")
    return max(slowest) > MOST_MS


def uuid(name: str) -> UUID:
    import hashlib

    return UUID(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest())


def show(name: str, ask: Callable[[], Any]) -> float:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        found = ask()
    queries = sum(not query["sql"].startswith("SET search_path") for query in captured)
    times = []
    for _ in range(20):
        began = time.perf_counter()
        ask()
        times.append((time.perf_counter() - began) * 1000)
    took = statistics.median(times)
    print(f"  {name:40}{len(found):6} rows{queries:4} quer{'y' if queries == 1 else 'ies'}{took:9.1f} ms", flush=True)
    return took


if __name__ == "__main__":
    main()
