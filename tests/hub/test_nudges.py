"""The broker may be lost at any time: nothing is lost with it, and nobody waits for it."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from statistics import median

import pytest
from django.db import transaction

from config.celery import configuration
from integrations.hub.jobs import enqueue, nudges, tick
from integrations.hub.models import Job
from tests.hub.brokers import use_broker

pytestmark = [pytest.mark.services]


class Silence:
    def __init__(self, server: socket.socket) -> None:
        self.port = server.getsockname()[1]
        self._server = server
        self._taken: list[socket.socket] = []

    def calls(self) -> int:
        """How often it has been called so far."""
        self._server.settimeout(0)
        with suppress(BlockingIOError):
            while True:
                self._taken.append(self._server.accept()[0])
        return len(self._taken)

    def close(self) -> None:
        for one in self._taken:
            one.close()


@pytest.fixture
def silence():
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        made = Silence(server)
        yield made
        made.close()


@pytest.fixture(autouse=True)
def _fresh_line(monkeypatch):
    monkeypatch.setattr(nudges, "_line", nudges._Line())


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:{port}/0", "amqp://guest:guest@127.0.0.1:{port}//", "filesystem://"]
)
def test_a_broker_that_does_not_answer_neither_fails_nor_holds_up_the_business_transaction(
    url, silence, kind, committed, settings, tmp_path, caplog, monkeypatch
):
    blocked = tmp_path / "broker"
    blocked.write_text("a file where the folder should be")
    monkeypatch.setattr(nudges, "PAUSE_SECONDS", 3600)
    name = kind()
    with use_broker(settings, url.format(port=silence.port), blocked):
        took = []
        for n in range(20):
            began = time.perf_counter()
            with transaction.atomic():
                enqueue(name, key=str(n), chapter=committed["sydney"])
                enqueue(name, key=str(n), chapter=committed["melbourne"])
            took.append(time.perf_counter() - began)
            if n == 0:
                tried = silence.calls()
                assert bool(tried) is not url.startswith("filesystem")
    assert took[0] < 10
    assert median(took[1:]) < 0.9
    assert silence.calls() == tried, "the broker was asked again, and waited for"
    assert Job.objects.filter(kind=name, state="ready").count() == 40
    assert caplog.text.count("The broker does not answer") == 1


def test_what_was_never_published_is_published_by_the_tick(kind, silence, committed, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(nudges, "PAUSE_SECONDS", 0)
    name = kind()
    with use_broker(settings, f"redis://127.0.0.1:{silence.port}/0", tmp_path), transaction.atomic():
        for n in range(10):
            enqueue(name, key=str(n), chapter=committed["sydney"])
    with use_broker(settings, "filesystem://", tmp_path) as waiting:
        assert waiting() == 0
        assert tick.tick()
        assert waiting() == tick.NUDGES


def test_all_wishes_of_a_transaction_are_one_nudge(kind, committed, settings, tmp_path):
    name = kind()
    with use_broker(settings, "filesystem://", tmp_path) as waiting:
        with transaction.atomic():
            for n in range(50):
                enqueue(name, key=str(n), chapter=committed["sydney"])
            assert waiting() == 0
        assert waiting() == 1
        enqueue(name, key="alone", chapter=committed["melbourne"])
        assert waiting() == 2


def test_a_nudge_survives_the_rollback_of_a_savepoint_that_wished_before(kind, committed, settings, tmp_path):
    name = kind()
    with use_broker(settings, "filesystem://", tmp_path) as waiting:
        with transaction.atomic():
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                enqueue(name, key="undone", chapter=committed["sydney"])
                raise ZeroDivisionError
            enqueue(name, key="done", chapter=committed["sydney"])
        assert waiting() == 1
    assert Job.objects.get(kind=name).key == "done"


def test_a_rolled_back_transaction_wakes_nobody(kind, committed, settings, tmp_path):
    name = kind()
    with use_broker(settings, "filesystem://", tmp_path) as waiting:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            enqueue(name, chapter=committed["sydney"])
            raise ZeroDivisionError
        assert waiting() == 0


def test_work_for_later_wakes_nobody_now(kind, committed, settings, tmp_path):
    from datetime import timedelta

    from django.utils import timezone

    with use_broker(settings, "filesystem://", tmp_path) as waiting:
        enqueue(kind(), run_at=timezone.now() + timedelta(hours=1), chapter=committed["sydney"])
        assert waiting() == 0


@pytest.mark.parametrize("url", ["filesystem://", "redis://r/0", "amqp://a//"])
def test_on_every_broker_messages_are_json_without_results_and_outlast_the_time_limit(url, settings):
    settings.BROKER_URL = url
    conf = configuration()
    assert conf["accept_content"] == ["json"]
    assert conf["task_ignore_result"]
    assert conf["worker_prefetch_multiplier"] == 1
    assert conf["worker_eta_task_limit"]
    assert conf["task_soft_time_limit"] < conf["task_time_limit"]
    options = conf["broker_transport_options"]
    assert options.get("visibility_timeout", 10**9) > conf["task_time_limit"]
