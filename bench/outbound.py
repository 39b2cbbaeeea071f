"""How fast webhooks go out, and whether one that hangs is in the others' way: `make bench-webhooks`, or

    python bench/outbound.py [--endpoints 100] [--events 10000] [--workers 2] [--server postgres://root@127.0.0.1:5432]

Workers in processes of their own send to a receiver in another: 10,000 events, each to one of 100 endpoints, timed from the
first attempt to the last. Then, at a rate far below that, how long an event takes to its arrival, without and
with an endpoint that takes every request and never answers. Makes and drops the database `chapterhouse_bench`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.feed_pages import NAME, made

HERE = Path(__file__).resolve().parent
PORT = 21_900
HOST = f"127.0.0.1:{PORT}"
LEAST_PER_SECOND = 1_000
MOST_SLOWER = 1.2
PACE = 20  # events a second while arrivals are timed
TIMED_SECONDS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--endpoints", type=int, default=100)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--server", default="postgres://root@127.0.0.1:5432")
    given = parser.parse_args()
    os.environ |= {
        "DATABASE_URL": f"{given.server}/{NAME}",
        "DJANGO_SETTINGS_MODULE": "bench.settings",
        "WEBHOOK_PRIVATE_HOSTS": HOST,
        "LOG_LEVEL": "ERROR",
    }
    made(given.server)
    started: list[subprocess.Popen[bytes]] = []
    try:
        subprocess.run([sys.executable, str(HERE / "prepare.py")], check=True, stdout=subprocess.DEVNULL)
        started.append(subprocess.Popen([sys.executable, str(HERE / "outbound.py"), "receive"]))
        ok = measure(given, started)
    finally:
        for process in started:
            process.send_signal(signal.SIGKILL)
            process.wait()
        made(given.server, again=False)
    sys.exit(0 if ok else 1)


def measure(given: argparse.Namespace, started: list[subprocess.Popen[bytes]]) -> bool:
    import django

    django.setup()
    from integrations import hub

    with hub.enter("bench"):
        fill(given.endpoints, given.events)
        started += [subprocess.Popen([sys.executable, str(HERE / "outbound.py"), "work"]) for _ in range(given.workers)]
        took = until_delivered()
        rate = round(given.events / took)
        print(f"{given.events:,} deliveries to {given.endpoints} endpoints by {given.workers} workers: {took:.1f} s")
        quiet = timed(given.endpoints)
        hang()
        disturbed = timed(given.endpoints)
    print(f"from commit to arrival: median {quiet[0]:.0f} ms, p99 {quiet[1]:.0f} ms")
    print(f"with one that hangs:    median {disturbed[0]:.0f} ms, p99 {disturbed[1]:.0f} ms")
    print(f"webhooks deliveries_per_s={rate} p99_ms={quiet[1]:.0f} p99_with_one_hanging_ms={disturbed[1]:.0f}")
    return rate >= LEAST_PER_SECOND and disturbed[1] <= quiet[1] * MOST_SLOWER


def fill(endpoints: int, number: int) -> None:
    """One endpoint per shard, and events that each belong to one; about 900 bytes each."""
    from django.utils import timezone

    from integrations.outbound import events, services
    from integrations.outbound.events import News

    for shard in range(endpoints):
        services.create(url=f"http://{HOST}/{shard}", patterns=["connection.*"], narrowed={"shard": shard})
    text = "x" * 800
    for begin in range(0, number, 1_000):
        made_now = range(begin, min(begin + 1_000, number))
        news = [{"shard": n % endpoints, "n": n, "text": text} for n in made_now]
        events.publish([News(type="connection.connected", data=data, at=timezone.now()) for data in news])


def until_delivered() -> float:
    from django.db.models import Max, Min

    from integrations.outbound.models import Attempt, Delivery

    while Delivery.objects.filter(state="waiting").exists():
        time.sleep(0.5)
    if Delivery.objects.exclude(state="delivered").exists():
        sys.exit("Some deliveries failed: these figures mean nothing.")
    span = Attempt.objects.aggregate(first=Min("at"), last=Max("at"))
    return float((span["last"] - span["first"]).total_seconds())


def timed(endpoints: int) -> tuple[float, float]:
    """Median and p99 in milliseconds of what a steady stream takes from commit to arrival, as the receiver saw it."""
    from integrations.outbound import events

    ask("/forget")
    begins = time.time()
    for n in range(PACE * TIMED_SECONDS):
        time.sleep(max(0, begins + n / PACE - time.time()))
        events.emit("connection.connected", {"shard": n % endpoints, "sent": time.time()})
        events.emit("connection.broken", {"shard": -1})
    time.sleep(2)
    found = sorted(ask("/arrivals"))
    if len(found) < PACE * TIMED_SECONDS:
        print(f"only {len(found)} of {PACE * TIMED_SECONDS} arrived within two seconds of the last")
        return float("inf"), float("inf")
    return found[len(found) // 2] * 1000, found[len(found) * 99 // 100] * 1000


def hang() -> None:
    from integrations.outbound import services

    services.create(url=f"http://{HOST}/hang", patterns=["connection.broken"])


def ask(path: str) -> Any:
    import requests

    return requests.post(f"http://{HOST}{path}", data=b"{}", timeout=5).json()


def work() -> None:
    """A worker: woken by nothing but its own impatience, so that a broker's delay is not measured."""
    import django

    django.setup()
    from integrations.hub.jobs import worker

    while True:
        if not worker.drain():
            time.sleep(0.01)


def receive() -> None:
    """The receiver: `/hang` never answers; `/arrivals` says how long each event since `/forget` took."""
    arrivals: list[float] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r")[0])
                body, path = await reader.readexactly(length), head.split(b" ", 2)[1]
                if path == b"/hang":
                    await asyncio.sleep(3_600)
                if path == b"/forget":
                    arrivals.clear()
                answer = json.dumps(arrivals).encode() if path == b"/arrivals" else b"{}"
                if b'"sent":' in body:
                    arrivals.append(time.time() - json.loads(body)["data"]["sent"])
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", PORT)
        await server.serve_forever()

    asyncio.run(run())


if __name__ == "__main__":
    {"receive": receive, "work": work}.get("".join(sys.argv[1:2]), main)()
