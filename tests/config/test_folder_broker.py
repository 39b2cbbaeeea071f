"""The `filesystem://` broker: no message is read half-written, read twice or lost."""

from __future__ import annotations

import multiprocessing
import queue
import time
from multiprocessing.synchronize import Event

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


def consume(folder: str, all_sent: Event, results: multiprocessing.Queue) -> None:
    got = []
    with connect(folder) as connection:
        box = connection.SimpleQueue("work")
        while True:
            last = all_sent.is_set()
            try:
                message = box.get(block=False)
            except queue.Empty:
                if last:
                    break
                time.sleep(0.001)
                continue
            message.ack()
            got.append(tuple(message.payload))
    results.put(got)


@pytest.mark.services
def test_two_writers_and_two_readers_at_full_speed_lose_nothing(tmp_path):
    context = multiprocessing.get_context("spawn")
    results, all_sent = context.Queue(), context.Event()
    writers = [context.Process(target=publish, args=(str(tmp_path), who)) for who in range(2)]
    readers = [context.Process(target=consume, args=(str(tmp_path), all_sent, results)) for _ in range(2)]
    for process in (*readers, *writers):
        process.start()
    for process in writers:
        process.join()
    all_sent.set()
    got = sorted(results.get(timeout=60) + results.get(timeout=60))
    for process in readers:
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
