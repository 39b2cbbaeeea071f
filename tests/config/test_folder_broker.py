"""The `filesystem://` broker: no message is read half-written, read twice or lost."""

from __future__ import annotations

import multiprocessing
import queue
import time

import pytest
from kombu import Connection

import config.celery  # noqa: F401 names the transport

MESSAGES = 500


def connect(folder: str) -> Connection:
    return Connection("filesystem://", transport_options={"folder": folder})


def publish(folder: str, who: int) -> None:
    with connect(folder) as connection:
        box = connection.SimpleQueue("work")
        for number in range(MESSAGES):
            box.put([who, number])


def consume(folder: str, results: multiprocessing.Queue) -> None:
    got = []
    with connect(folder) as connection:
        box = connection.SimpleQueue("work")
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < 1:
            try:
                message = box.get(block=False)
            except queue.Empty:
                time.sleep(0.001)
                continue
            message.ack()
            got.append(tuple(message.payload))
            quiet_since = time.monotonic()
    results.put(got)


@pytest.mark.services
def test_two_writers_and_two_readers_at_full_speed_lose_nothing(tmp_path):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [context.Process(target=publish, args=(str(tmp_path), who)) for who in range(2)]
    processes += [context.Process(target=consume, args=(str(tmp_path), results)) for _ in range(2)]
    for process in processes:
        process.start()
    got = sorted(results.get(timeout=20) + results.get(timeout=20))
    for process in processes:
        process.join()
    assert got == [(who, number) for who in range(2) for number in range(MESSAGES)]


def test_messages_are_read_in_the_order_they_were_sent_and_can_be_purged(tmp_path):
    with connect(str(tmp_path)) as connection:
        box = connection.SimpleQueue("work")
        for number in range(3):
            box.put(number)
        assert box.qsize() == 3
        first = box.get(block=False)
        first.ack()
        assert first.payload == 0
        assert box.clear() == 2
        with pytest.raises(queue.Empty):
            box.get(block=False)
